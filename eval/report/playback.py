"""Scenes and drives as blocks of text that the page decodes when a scenario is opened.

What is drawn is in the world frame, to the centimetre. Plans, candidates and forecasts are kept as
offsets from where their agent is at that instant; all but the plan at `SHOWN_HZ` only.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float

from eval.metrics.declaration import Metric
from eval.report.text_block import Quantized, encode_block
from eval.runs.drive_record import DriveRecord
from eval.runs.hits import first_hits
from sim.geometry import se2
from sim.maps.extent import grid_around
from sim.scenario import EGO, AreaKind, LaneKind, ObstacleKind, Scenario

SHOWN_HZ = 5.0
_MARGIN_M = 60.0  # of the map around tracks and route
_TOLERANCE_M = 0.05  # by which lines are simplified
_CM, _DM, _MILLI, _HUNDREDTH = 0.01, 0.1, 0.001, 0.01
_YAW_RAD = 0.002
_MODES = 3  # of a forecast, the likeliest
_AREAS = {  # the others would lie on top of these
    AreaKind.DRIVABLE: "drivable", AreaKind.INTERSECTION: "intersection",
    AreaKind.CROSSWALK: "crosswalk", AreaKind.WALKWAY: "walkway", AreaKind.CARPARK: "carpark",
}  # fmt: skip
_OBSTACLES = {
    ObstacleKind.BUILDING: "building", ObstacleKind.WALL: "wall", ObstacleKind.POLE: "pole",
    ObstacleKind.HEDGE: "hedge", ObstacleKind.TREE: "tree",
}  # fmt: skip


def encode_scene(scenario: Scenario) -> str:
    """Map, lights and agents of a scenario: what all of its drives share."""
    shapes = list(_shapes(scenario))
    points = np.concatenate([s for _, s in shapes]) if shapes else np.zeros((0, 2))
    lines = scenario.map.stop_lines
    tracks = scenario.tracks
    header = {
        "dt": round(scenario.dt_s, 6),
        "ids": tracks.track_id,
        "categories": tracks.category,
        "shapes": [[kind, len(shape)] for kind, shape in shapes],
        "stops": [[int(line.kind), int(line.light)] for line in lines],
    }
    return encode_block(
        header,
        {
            "points": Quantized(points.T, _CM, 1),
            "stop_lines": Quantized(np.array([s.line_m for s in lines]).reshape(-1, 4), _CM),
            "lights": Quantized(scenario.lights.state, order=1),
            "size": Quantized(tracks.size_m[:, :2], _CM),
            "kind": Quantized(tracks.kind),
        },
    )


def encode_drive(
    record: DriveRecord, metrics: Sequence[Metric], size_m: Float[np.ndarray, "n 3"]
) -> str:
    """What one planner did in a scenario whose agents are of these sizes, and what it showed meanwhile."""
    pose = _held(record.pose, record.valid)
    every = max(1, round(1.0 / (SHOWN_HZ * record.dt_s)))
    shown = slice(None, None, every)
    arrays = {
        "xy": Quantized(pose[..., :2].transpose(1, 2, 0), _CM, 2),
        "yaw": Quantized(np.unwrap(pose[..., 2], axis=0).T, _YAW_RAD, 2),
        "valid": Quantized(record.valid.T, order=1),
        "plan": Quantized(_offsets(record.plan[..., :2], pose[:, EGO, :2]), _CM * 2, 2),
        "curves": Quantized(np.stack(list(record.curves.values())), _MILLI, 1),
    }
    if record.candidates is not None:
        ego = pose[shown, EGO]
        world = _in_world(record.candidates[shown], ego)
        arrays["candidates"] = Quantized(_offsets(world, ego[:, None, :2]), _DM, 2)
        if record.costs is not None:
            arrays["costs"] = Quantized(_ranks(record.costs[shown]))
        if record.terms is not None and record.costs is not None:
            arrays["terms"] = Quantized(
                _best_terms(record.terms[shown], record.costs[shown]), _HUNDREDTH
            )
    if record.forecast is not None and record.forecast.shape[1]:
        arrays |= _forecast(record, pose, shown)
    if record.what_if_way is not None:
        arrays |= _what_if(record, pose, shown)
    if record.perceived is not None:
        arrays |= _perceived(record, pose, shown)
    if record.occupancy is not None:
        # Where something may be at any time of the horizon, in sixteen steps.
        arrays["occupancy"] = Quantized(record.occupancy[shown].max(axis=1) // 16)
    header = {
        "dt": round(record.dt_s, 6),
        "every": every,
        "curves": list(record.curves),
        "terms": [] if record.term_names is None else record.term_names.tolist(),
        "failures": record.failures(metrics),
        "hits": list(first_hits(record.pose, record.valid, size_m).items()),
        "grid": None
        if record.occupancy_grid is None
        else [float(v) for v in record.occupancy_grid],
    }
    return encode_block(header, arrays)


def _shapes(scenario: Scenario) -> Iterator[tuple[str, np.ndarray]]:
    """Kind and points of everything static, each line once; a hole follows its area."""
    grid = grid_around(scenario, _MARGIN_M)
    low, high = np.array((grid.x_min_m, grid.y_min_m)), np.array(grid.high_m)

    def near(points: np.ndarray) -> bool:
        return len(points) > 1 and bool(
            (points.max(0) > low).all() and (points.min(0) < high).all()
        )

    for area in scenario.map.areas:
        if area.kind in _AREAS and near(area.exterior_m):
            yield _AREAS[area.kind], _simple(area.exterior_m, closed=True)
            yield from (("hole", _simple(hole, closed=True)) for hole in area.holes_m)
    seen: set[bytes] = set()
    for lane in scenario.map.lanes:
        edge = "edge" if lane.kind == LaneKind.LANE else "connector"
        for kind, line in ((edge, lane.left_boundary_m), (edge, lane.right_boundary_m),
                           ("center", lane.centerline_m)):  # fmt: skip
            whole = np.rint(line[:, :2] / _CM).astype(np.int32)
            names = {whole.tobytes(), whole[::-1].tobytes()}
            if near(line) and not names & seen:
                seen |= names
                yield kind, _simple(line, closed=False)
    route = scenario.routes[EGO]
    if route is not None and len(route.path_m) > 1:
        yield "route", _simple(route.path_m, closed=False)
    for obstacle in scenario.map.obstacles:
        if near(obstacle.footprint_m):
            yield _OBSTACLES[obstacle.kind], obstacle.footprint_m[:, :2]


def _simple(points: np.ndarray, closed: bool) -> np.ndarray:
    import shapely

    points = points[:, :2].astype(np.float64)
    line = np.concatenate((points, points[:1])) if closed else points
    kept = shapely.get_coordinates(shapely.simplify(shapely.linestrings(line), _TOLERANCE_M))
    return kept[:-1] if closed else kept


def _held(pose: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Poses `[T, N, 3]` in which an agent that is not there stays where it was last (or first)."""
    time = np.arange(len(pose))[:, None]
    last = np.maximum.accumulate(np.where(valid, time, -1), axis=0)
    source = np.where(last < 0, valid.argmax(axis=0), last)
    held = np.take_along_axis(pose, source[..., None], axis=0).astype(np.float64)
    return np.where(valid.any(axis=0)[:, None], held, 0.0)


def _offsets(points: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Points `[..., P, 2]` from their origin `[..., 2]`, as `[..., 2, P]`."""
    return np.moveaxis(points - origin[..., None, :], -1, -2)


def _in_world(points: np.ndarray, ego: np.ndarray) -> np.ndarray:
    """Points `[T, ..., 2]` of the ego frame of each instant, in the world frame."""
    pose = torch.from_numpy(ego.reshape(len(ego), *(1,) * (points.ndim - 2), 3))
    return se2.transform_points(pose, torch.from_numpy(points.astype(np.float64))).numpy()


def _forecast(record: DriveRecord, pose: np.ndarray, shown: slice) -> dict[str, Quantized]:
    """The likeliest modes of each agent, `[T, A, M, 2, P]`, and their probabilities in percent."""
    forecast, chance = record.forecast, record.forecast_probability
    assert forecast is not None
    assert chance is not None  # set together
    forecast, chance = forecast[shown], np.nan_to_num(chance[shown].astype(np.float64))
    modes = np.argsort(-chance, axis=2, kind="stable")[:, :, :_MODES]
    forecast = np.take_along_axis(forecast, modes[..., None, None], axis=2)
    chance = np.take_along_axis(chance, modes, axis=2)
    there = record.valid[shown, 1:, None] & np.isfinite(forecast).all(axis=(-1, -2))
    offsets = _offsets(_in_world(forecast, pose[shown, EGO]), pose[shown, 1:, None, :2])
    return {
        "forecast": Quantized(np.where(there[..., None, None], offsets, 0.0), _DM, 2),
        "chance": Quantized(np.where(there, chance * 100.0, 0.0)),
    }


def _what_if(record: DriveRecord, pose: np.ndarray, shown: slice) -> dict[str, Quantized]:
    """If the ego goes, and if it waits: its way `[T, 2, 2, P]`, others' `[T, 2, S, 2, P]`, and percents."""
    way, agent, path = record.what_if_way, record.what_if_agent, record.what_if_path
    assert way is not None
    assert agent is not None
    assert path is not None  # set together
    way, path, agent = way[shown, :2], path[shown, :2], agent[shown]
    ego, rows = pose[shown, EGO], np.arange(len(agent))[:, None]
    begin = pose[shown][rows, agent + 1, :2]  # of nobody the ego's: it is not drawn
    arrays = {
        "what_way": Quantized(_offsets(_in_world(way, ego), ego[:, None, :2]), _DM, 2),
        "what_path": Quantized(_offsets(_in_world(path, ego), begin[:, None]), _DM, 2),
        "what_agent": Quantized(agent + 1),
    }
    for name in ("slower", "collision", "change"):
        arrays[f"what_{name}"] = Quantized(getattr(record, f"what_if_{name}")[shown])
    return arrays


def _perceived(record: DriveRecord, pose: np.ndarray, shown: slice) -> dict[str, Quantized]:
    """Where it took others to be: x, y, yaw, length, width, world frame, `[Q, 5, T]`; `[Q, T]` who."""
    box, number = record.perceived, record.perceived_id
    assert box is not None
    assert number is not None  # set together
    box, number, ego = box[shown].astype(np.float64), number[shown], pose[shown, EGO]
    place = _in_world(box[..., :2], ego)
    yaw = box[..., 2:3] + ego[:, None, 2:]
    box = np.concatenate((place, yaw, box[..., 3:]), axis=-1)
    box = np.where(number[..., None] >= 0, box, 0.0)
    return {
        "perceived": Quantized(box.transpose(1, 2, 0), _CM, 1),
        "perceived_id": Quantized(number.T, order=1),
    }


def _best_terms(terms: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Of the cheapest candidate, and of the next: `[T, 2, R]`."""
    order = np.argsort(np.nan_to_num(costs, nan=np.inf), axis=1, kind="stable")[:, :2]
    best = np.take_along_axis(terms, order[..., None], axis=1).astype(np.float64)
    return np.nan_to_num(best, posinf=0.0, neginf=0.0)


def _ranks(costs: np.ndarray) -> np.ndarray:
    """Costs `[T, K]` as 1 (lowest of its instant) to 255 (highest); 0: not finite."""
    costs = np.where(np.isfinite(costs), costs, np.nan).astype(np.float64)
    with np.errstate(all="ignore"):
        low = np.nanmin(costs, axis=1, keepdims=True, initial=np.inf)
        span = np.nanmax(costs, axis=1, keepdims=True, initial=-np.inf) - low
        level = 1.0 + 254.0 * np.divide(costs - low, span, out=np.zeros_like(costs), where=span > 0)
    return np.where(np.isnan(costs), 0.0, level)
