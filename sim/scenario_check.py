"""What every scenario must fulfil, whatever its source; errors name the field, the agent, the time."""

from dataclasses import fields

import numpy as np

from sim.errors import InputError
from sim.scenario import (
    EGO,
    CueAction,
    Cues,
    GroundHeight,
    LaneMap,
    Scenario,
    Styles,
    Tracks,
    Yielding,
)

_STYLE_RANGES = {
    "speed_factor": (0.1, 3.0), "headway_s": (0.1, 10.0), "min_gap_m": (0.1, 20.0),
    "max_acceleration_mps2": (0.1, 8.0), "braking_mps2": (0.1, 8.0), "reaction_s": (0.0, 3.0),
    "politeness": (0.0, 1.0), "accepted_gap_s": (0.0, 30.0), "lane_change_s": (1.0, 20.0),
    "noise_mps2": (0.0, 3.0), "yields": (min(Yielding), max(Yielding)),
}  # fmt: skip


def require_valid(scenario: Scenario) -> None:
    """Raise InputError for the first thing that is wrong."""
    if not scenario.dt_s > 0:
        raise InputError(f"dt_s: {scenario.dt_s} is not positive")
    if not np.isfinite(scenario.world_offset_m).all():
        raise InputError("world_offset_m: not a number")
    _check_tracks(scenario.tracks, scenario.dt_s)
    _check_map(scenario.map, scenario.lights.state.shape[0])
    agents, instants = scenario.num_agents, scenario.num_instants
    _shape("lights.state", scenario.lights.state, (None, instants))
    _shape("keyframe", scenario.keyframe, (instants,))
    if len(scenario.routes) != agents:
        raise InputError(f"routes: {len(scenario.routes)} for {agents} agents")
    if scenario.routes[EGO] is None:
        raise InputError("routes[0]: the ego needs a route")
    if scenario.styles is not None:
        _check_styles(scenario.styles, scenario.tracks.track_id)
    lanes = len(scenario.map.lanes)
    for n, route in enumerate(scenario.routes):
        if route is None:
            continue
        where = f"routes[{n}] (agent {scenario.tracks.track_id[n]})"
        _line(f"{where}.path_m", route.path_m)
        _shape(f"{where}.lane_of_point", route.lane_of_point, (len(route.path_m),))
        _indices(f"{where}.lane_of_point", route.lane_of_point, lanes, none_allowed=True)
        _indices(f"{where}.lanes", route.lanes, lanes)
    _check_task(scenario)
    if scenario.cues is not None:
        _check_cues(scenario.cues, agents)


def _check_task(scenario: Scenario) -> None:
    """Goal and time limit: both or none."""
    goal, limit = scenario.goal_line_m, scenario.time_limit_s
    if (goal is None) != (limit is None):
        raise InputError("goal_line_m, time_limit_s: one without the other")
    if goal is None or limit is None:
        return
    _shape("goal_line_m", goal, (2, 2))
    _line("goal_line_m", goal)
    last_s = (scenario.num_instants - 1) * scenario.dt_s
    if not 0 < limit <= last_s + 1e-6:
        raise InputError(f"time_limit_s: {limit} is not within the {last_s:.1f} s of the episode")


def _check_cues(cues: Cues, agents: int) -> None:
    for field in fields(Cues):
        shape = (agents, 2) if field.name == "place_m" else (agents,)
        values = getattr(cues, field.name)
        _shape(f"cues.{field.name}", values, shape)
        if np.isnan(values).any() or (field.name != "place_m" and (values < 0).any()):
            raise InputError(f"cues.{field.name}: not a number, or negative")
    if (cues.action > max(CueAction)).any():
        raise InputError(f"cues.action: {int(cues.action.max())} is none of {list(CueAction)}")


def _check_tracks(tracks: Tracks, dt_s: float) -> None:
    agents, instants = tracks.valid.shape
    if agents == 0:
        raise InputError("tracks: no agents, and so no ego")
    if instants < 2:
        raise InputError(f"tracks.valid: {instants} instants; at least two are needed")
    shapes = {
        "kind": (agents,), "size_m": (agents, 3), "position_m": (agents, instants, 3),
        "yaw_rad": (agents, instants), "velocity_mps": (agents, instants, 2),
    }  # fmt: skip
    for name, shape in shapes.items():
        _shape(f"tracks.{name}", getattr(tracks, name), shape)
    for name in ("track_id", "category"):
        if len(getattr(tracks, name)) != agents:
            raise InputError(f"tracks.{name}: {len(getattr(tracks, name))} for {agents} agents")
    for name in ("position_m", "yaw_rad", "velocity_mps"):
        values = getattr(tracks, name).reshape(agents, instants, -1)
        bad = ~np.isfinite(values).all(axis=-1) & tracks.valid
        if bad.any():
            n, t = np.argwhere(bad)[0]
            raise InputError(
                f"tracks.{name}: not a number: agent {tracks.track_id[n]}, "
                f"step {t} ({t * dt_s:.1f} s)"
            )
    bad_size = ~(np.isfinite(tracks.size_m) & (tracks.size_m > 0)).all(axis=1)
    if bad_size.any():
        n = int(bad_size.argmax())
        raise InputError(
            f"tracks.size_m: agent {tracks.track_id[n]}: {tracks.size_m[n].tolist()} is not positive"
        )
    if not tracks.valid[EGO, 0]:
        raise InputError(
            f"tracks.valid: the ego, agent {tracks.track_id[EGO]}, is not there at t = 0"
        )


def _check_styles(styles: Styles, track_id: list[str]) -> None:
    for name in ("runs_red", "rolls_stop", *_STYLE_RANGES):
        _shape(f"styles.{name}", getattr(styles, name), (len(track_id),))
    for name, (low, high) in _STYLE_RANGES.items():
        values = getattr(styles, name)
        bad = ~((values >= low) & (values <= high))
        if bad.any():
            n = int(bad.argmax())
            raise InputError(
                f"styles.{name}: agent {track_id[n]}: {values[n]} is not between {low:g} and {high:g}"
            )


def _check_map(lane_map: LaneMap, lights: int) -> None:
    lanes = lane_map.lanes
    for k, lane in enumerate(lanes):
        where = f"map.lanes[{k}] ({lane.lane_id})"
        _line(f"{where}.centerline_m", lane.centerline_m)
        _ring(f"{where}.polygon_m", lane.polygon_m)
        if not lane.speed_limit_mps > 0:
            raise InputError(f"{where}.speed_limit_mps: {lane.speed_limit_mps} is not positive")
        _indices(f"{where}.successors", lane.successors, len(lanes))
        _indices(f"{where}.predecessors", lane.predecessors, len(lanes))
        neighbors = (lane.left_neighbor, lane.right_neighbor)
        _indices(f"{where}.neighbors", neighbors, len(lanes), none_allowed=True)
    for k, area in enumerate(lane_map.areas):
        for ring in (area.exterior_m, *area.holes_m):
            _ring(f"map.areas[{k}]", ring)
    for k, stop in enumerate(lane_map.stop_lines):
        _line(f"map.stop_lines[{k}].line_m", stop.line_m)
        _indices(f"map.stop_lines[{k}].lanes", stop.lanes, len(lanes))
        _indices(f"map.stop_lines[{k}].light", (stop.light,), lights, none_allowed=True)
    for k, obstacle in enumerate(lane_map.obstacles):
        _ring(f"map.obstacles[{k}].footprint_m", obstacle.footprint_m)
        if not obstacle.height_m > 0:
            raise InputError(f"map.obstacles[{k}].height_m: {obstacle.height_m} is not positive")
    if lane_map.ground is not None:
        _check_ground(lane_map.ground)


def _check_ground(ground: GroundHeight) -> None:
    _shape("map.ground.origin_m", ground.origin_m, (2,))
    if not (np.isfinite(ground.resolution_m) and ground.resolution_m > 0):
        raise InputError(f"map.ground.resolution_m: {ground.resolution_m} is not positive")
    _shape("map.ground.height_m", ground.height_m, (None, None))
    if min(ground.height_m.shape) < 2:
        raise InputError(
            f"map.ground.height_m: shape {ground.height_m.shape}; two rows each way are needed"
        )
    for name in ("origin_m", "height_m"):
        if not np.isfinite(getattr(ground, name)).all():
            raise InputError(f"map.ground.{name}: not a number")


def _shape(where: str, array: np.ndarray, shape: tuple[int | None, ...]) -> None:
    fits = array.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        raise InputError(f"{where}: shape {array.shape}, expected {shape}")


def _line(where: str, points_m: np.ndarray) -> None:
    if len(points_m) < 2:
        raise InputError(f"{where}: {len(points_m)} points do not make a line")
    if not np.isfinite(points_m).all():
        raise InputError(
            f"{where}: not a number at point {int((~np.isfinite(points_m)).any(1).argmax())}"
        )
    if np.linalg.norm(np.diff(points_m, axis=0), axis=1).sum() <= 0:
        raise InputError(f"{where}: has no length")


def _ring(where: str, points_m: np.ndarray) -> None:
    if len(points_m) < 3:
        raise InputError(f"{where}: {len(points_m)} points do not make a polygon")
    if not np.isfinite(points_m).all():
        raise InputError(f"{where}: not a number")


def _indices(
    where: str, values: np.ndarray | tuple[int, ...], count: int, none_allowed: bool = False
) -> None:
    """Each in [0, count), or -1 for none where that is allowed."""
    lowest = -1 if none_allowed else 0
    for value in np.asarray(values, dtype=np.int64):
        if not lowest <= value < count:
            raise InputError(f"{where}: {value} is out of range (there are {count})")
