"""A made-up run for the report: an ego on a straight line, a parked truck, a pedestrian that leaves.

Every place and time in it can be worked out by hand: at instant k the ego is k metres along its
heading of 30 degrees (10 m/s); the truck stands at (20, 15) and points north.
"""

from pathlib import Path

import numpy as np

from eval.metrics.suite import declared
from eval.runs.drive_record import DriveRecord
from eval.runs.folder import RunFolder
from eval.runs.results import DriveScores, Results
from sim.scenario import (
    AreaKind,
    LaneMap,
    Lights,
    MapArea,
    Route,
    Scenario,
    StopKind,
    StopLine,
    Tracks,
)

INSTANTS, DT_S, HEADING = 31, 0.1, np.pi / 6
COLLISION, OFF_ROAD = 12, 20  # the instants of the failures: 1.2 s and 2 s
ODD = "<b>odd & name</b>"
NAMES = (("scene-0", "merge"), ("scene-1", "jam"), (ODD, "<i>odd</i>"))
TAGS = (("stationary", "near_pedestrian"), ("near_pedestrian", "cut_in"), ())
SCORES = {"idm": (0.5, 0.25, 1.0), "pdm": (0.9, 0.1, 0.7)}


def scenario(name: str = "scene-0") -> Scenario:
    """100 m of drivable ground with a hole in it, one signalled stop line, three agents."""
    time = np.arange(INSTANTS)
    ego = np.stack((time * np.cos(HEADING), time * np.sin(HEADING), 0 * time), axis=-1)
    places = np.stack((ego, np.broadcast_to((20.0, 15.0, 0.0), ego.shape), ego - (0.0, 8.0, 0.0)))
    valid = np.ones((3, INSTANTS), dtype=bool)
    valid[2, 10:] = False
    square = 50.0 * np.array(((-1, -1), (1, -1), (1, 1), (-1, 1)), dtype=np.float32)
    path = ego[:, :2].astype(np.float32)
    return Scenario(
        scenario_id=name,
        source="made up",
        family="merge",
        location="nowhere",
        dt_s=DT_S,
        world_offset_m=np.zeros(3),
        tracks=Tracks(
            track_id=["ego", "truck-7", "walker"],
            category=["vehicle.car", "vehicle.truck", "human.pedestrian.adult"],
            kind=np.array((0, 0, 2)),
            size_m=np.array(((4.6, 2.0, 1.5), (8.0, 2.4, 3.0), (0.6, 0.6, 1.8)), dtype=np.float32),
            position_m=places.astype(np.float32),
            yaw_rad=np.repeat(np.array(((HEADING,), (np.pi / 2,), (0,))), INSTANTS, 1).astype("f4"),
            velocity_mps=np.zeros((3, INSTANTS, 2), dtype=np.float32),
            valid=valid,
        ),
        map=LaneMap(
            areas=[MapArea(AreaKind.DRIVABLE, square, (0.1 * square + np.float32(30),))],
            stop_lines=[StopLine(np.array(((-5, 5), (5, 5)), "f4"), StopKind.SIGNAL, (), 0)],
        ),
        lights=Lights(np.full((1, INSTANTS), 3), np.zeros((1, 2), dtype=np.float32)),
        routes=[Route((), path, np.full(len(path), -1)), None, None],
        keyframe=np.ones(INSTANTS, dtype=bool),
    )


def drive_record(
    sideways_m: float = 0.0, fails: bool = True, occupied: bool = False
) -> DriveRecord:
    """The ego as in the scenario, so much to the north of it; it fails at `COLLISION`, `OFF_ROAD`."""
    of = scenario()
    pose = np.concatenate((of.tracks.position_m[..., :2], of.tracks.yaw_rad[..., None]), axis=-1)
    pose = pose.transpose(1, 0, 2).copy()
    pose[:, 0, 1] += sideways_m
    ahead = np.arange(1, 9)[:, None] * 5.0 * np.array((np.cos(HEADING), np.sin(HEADING), 0.0))
    curves = {m.key: np.ones(INSTANTS, dtype=np.float32) for m in declared() if m.curve}
    if fails:
        curves["nuplan/no_at_fault_collision"][COLLISION:] = 0.0
        curves["nuplan/drivable_area_compliance"][OFF_ROAD:25] = 0.0
    curves["speed_mps"] = np.full(INSTANTS, 10.0, dtype=np.float32)
    curves["acceleration_mps2"] = np.zeros(INSTANTS, dtype=np.float32)
    steps = np.arange(1, 9)[:, None] * np.array(
        (((5.0, 0.0),), ((5.0, 2.0),))
    )  # straight, to the left
    candidates = np.broadcast_to(steps, (INSTANTS, 2, 8, 2))
    terms = np.zeros((INSTANTS, 2, 2), dtype=np.float16)
    terms[:, 0, 0], terms[:, :, 1] = np.arange(INSTANTS) / 4.0, (-1.5, 7.0)
    occupancy = np.zeros((INSTANTS, 2, 20, 10), dtype=np.uint8)
    occupancy[:, 1, 14:, :] = 255  # from 4 m ahead of the ego on
    return DriveRecord(
        dt_s=DT_S,
        pose=pose.astype(np.float32),
        valid=of.tracks.valid.T.copy(),
        plan=(pose[:, :1] + ahead).astype(np.float32),
        curves=curves,
        candidates=candidates.astype(np.float16),
        costs=np.tile(np.array((0.1, np.inf), dtype=np.float16), (INSTANTS, 1)),
        terms=terms,
        term_names=np.array(("collision", "off_lanes")),
        forecast=np.full((INSTANTS, 2, 1, 8, 2), 3.0, dtype=np.float16),
        forecast_probability=np.ones((INSTANTS, 2, 1), dtype=np.float16),
        **(_what_if() | _perceived() if occupied else {}),
        occupancy=occupancy if occupied else None,
        occupancy_grid=np.array((-10, -5, 1, 20, 10), dtype=np.float32) if occupied else None,
    )


def _perceived() -> dict[str, np.ndarray]:
    """A car 10 m behind the ego and 6 m to its left; another one of which nobody is told."""
    box = np.zeros((INSTANTS, 2, 5), dtype=np.float16)
    box[:, 0] = (-10.0, 6.0, 0.0, 4.0, 2.0)
    number = np.broadcast_to(np.array((7, -1), dtype=np.int16), (INSTANTS, 2))
    return {"perceived": box, "perceived_id": number}


def _what_if() -> dict[str, np.ndarray]:
    """The truck gives way at 2 s on if the ego goes; nobody else is asked about."""
    way = (
        np.arange(1, 9)[:, None]
        * np.array(((((8.0, 0.0),),), (((2.0, 0.0),),), (((5.0, 0.0),),)))[:, 0]
    )
    part = np.zeros((INSTANTS, 3, 2), dtype=np.uint8)
    change, slower = part.copy(), np.zeros((INSTANTS, 4, 2), dtype=np.uint8)
    change[20:, 0, 0], slower[20:, :, 0] = 40, (25, 62, 20, 20)
    return {
        "what_if_way": np.broadcast_to(way, (INSTANTS, 3, 8, 2)).astype(np.float16),
        "what_if_agent": np.broadcast_to(np.array((0, -1), dtype=np.int16), (INSTANTS, 2)),
        "what_if_path": np.broadcast_to(way[:, None], (INSTANTS, 3, 2, 8, 2)).astype(np.float16),
        "what_if_slower": slower,
        "what_if_collision": part + np.uint8(3),
        "what_if_change": change,
    }


def run(
    root: Path,
    name: str,
    scores: dict[str, tuple[float, ...]] | None = None,
    kept: bool = True,
    names: tuple[tuple[str, str], ...] = NAMES,
) -> RunFolder:
    """A finished run: `scores` by planner, one for each of `names` (scenario id, family)."""
    scores = SCORES if scores is None else scores
    folder = RunFolder.create(root, name, {"source": "made up", "seed": 1})
    drives = []
    for planner, values in scores.items():
        for k, ((scene, family), score) in enumerate(zip(names, values, strict=True)):
            metrics = {"nuplan/score": score, "waymax/overlap": 1.0 - score}
            metrics |= {"nuplan/comfort": 1.0, "nuplan/no_at_fault_collision": float(score > 0.3)}
            drives.append(
                DriveScores(
                    scene, family, planner, k, metrics, list(TAGS[k] if k < len(TAGS) else ())
                )
            )
            if kept:
                folder.write_scenario(k, scenario(scene))
                record = drive_record(sideways_m=2.0 * (planner == "pdm"), occupied=k == 1)
                record.save(folder.drive_path(planner, k))
    skipped = [{"scenario": "broken.pkl", "reason": "truncated"}]
    folder.write_tables(Results(drives, skipped), declared())
    return folder
