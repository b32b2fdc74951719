"""What the map of a scenario must fulfil."""

from collections.abc import Iterable

import numpy as np

from sim.errors import InputError
from sim.scenario import (
    AreaKind,
    GroundHeight,
    Lane,
    LaneKind,
    LaneMap,
    MapArea,
    ObstacleKind,
    StaticObstacle,
    StopKind,
    StopLine,
)
from sim.scenario_check.values import (
    FARTHEST_M,
    require_array,
    require_bounded,
    require_indices,
    require_line,
    require_number,
    require_ring,
    require_text,
    require_type,
    require_whole,
)

_SHORTEST_LANE_M = 0.05
_MOST_LANES_M = 1e6  # all of them together
_MOST_ITEMS = {"lanes": 5_000, "areas": 20_000, "stop_lines": 5_000, "obstacles": 20_000}
_FASTEST_MPS = 100.0
_WIDEST_STEP_M = 1000.0
_MOST_HEIGHTS = 50_000_000
_HIGHEST_M = 10_000.0


def check_map(lane_map: LaneMap, lights: int) -> None:
    """Raise InputError for the first thing that is wrong; `lights`: how many there are."""
    parts = {"lanes": Lane, "areas": MapArea, "stop_lines": StopLine, "obstacles": StaticObstacle}
    for name, kind in parts.items():
        items = getattr(lane_map, name)
        require_type(f"map.{name}", items, list)
        require_count(name, len(items))
        for k, item in enumerate(items):
            require_type(f"map.{name}[{k}]", item, kind)
    lanes = len(lane_map.lanes)
    require_lengths(
        _check_lane(f"map.lanes[{k}]", lane, lanes) for k, lane in enumerate(lane_map.lanes)
    )
    for k, area in enumerate(lane_map.areas):
        require_type(f"map.areas[{k}].kind", area.kind, AreaKind)
        require_type(f"map.areas[{k}].holes_m", area.holes_m, tuple)
        for ring in (area.exterior_m, *area.holes_m):
            require_ring(f"map.areas[{k}]", ring)
    for k, stop in enumerate(lane_map.stop_lines):
        _check_stop_line(f"map.stop_lines[{k}]", stop, lanes, lights)
    for k, obstacle in enumerate(lane_map.obstacles):
        where = f"map.obstacles[{k}]"
        require_type(f"{where}.kind", obstacle.kind, ObstacleKind)
        require_ring(f"{where}.footprint_m", obstacle.footprint_m)
        require_number(f"{where}.height_m", obstacle.height_m, 0.0, _HIGHEST_M)
        require_number(f"{where}.radius_m", obstacle.radius_m, -1e-9, 1000.0)
    if lane_map.ground is not None:
        require_type("map.ground", lane_map.ground, GroundHeight)
        _check_ground(lane_map.ground)


def require_count(name: str, count: int) -> None:
    """Raise InputError for more lanes, areas ... than a scenario may have."""
    if count > _MOST_ITEMS[name]:
        raise InputError(f"map.{name}: {count}, at most {_MOST_ITEMS[name]}")


def require_lengths(lengths_m: Iterable[float]) -> None:
    """Raise InputError for longer lanes than a scenario may have, all together.

    They become points a metre apart: readers ask before they allocate.
    """
    length_m = float(sum(lengths_m))
    if not length_m <= _MOST_LANES_M:
        raise InputError(f"map.lanes: {length_m / 1000:.0f} km, at most {_MOST_LANES_M / 1000:.0f}")


def _check_lane(where: str, lane: Lane, lanes: int) -> float:
    """Returns the lane's length."""
    require_text(f"{where}.lane_id", lane.lane_id)
    where = f"{where} ({lane.lane_id})"
    require_type(f"{where}.kind", lane.kind, LaneKind)
    length_m = require_line(f"{where}.centerline_m", lane.centerline_m, _SHORTEST_LANE_M)
    for side in ("left", "right"):
        name = f"{side}_boundary_m"
        require_line(f"{where}.{name}", getattr(lane, name), 0.0)
    require_ring(f"{where}.polygon_m", lane.polygon_m)
    require_number(f"{where}.speed_limit_mps", lane.speed_limit_mps, 0.0, _FASTEST_MPS)
    require_indices(f"{where}.successors", lane.successors, lanes)
    require_indices(f"{where}.predecessors", lane.predecessors, lanes)
    neighbors = (lane.left_neighbor, lane.right_neighbor)
    require_indices(f"{where}.neighbors", neighbors, lanes, none_allowed=True)
    require_whole(f"{where}.priority", lane.priority, -1_000_000, 1_000_000)
    return length_m


def _check_stop_line(where: str, stop: StopLine, lanes: int, lights: int) -> None:
    require_type(f"{where}.kind", stop.kind, StopKind)
    require_array(f"{where}.line_m", stop.line_m, (2, 2), "f")
    require_line(f"{where}.line_m", stop.line_m, 1e-3)
    require_indices(f"{where}.lanes", stop.lanes, lanes)
    require_indices(f"{where}.light", (stop.light,), lights, none_allowed=True)


def _check_ground(ground: GroundHeight) -> None:
    require_array("map.ground.origin_m", ground.origin_m, (2,), "f")
    require_bounded("map.ground.origin_m", ground.origin_m, FARTHEST_M)
    require_number("map.ground.resolution_m", ground.resolution_m, 0.0, _WIDEST_STEP_M)
    require_array("map.ground.height_m", ground.height_m, (None, None), "f")
    shape = ground.height_m.shape
    if min(shape) < 2 or int(np.prod(shape)) > _MOST_HEIGHTS:
        raise InputError(
            f"map.ground.height_m: shape {shape}; two rows each way are needed, and at most "
            f"{_MOST_HEIGHTS} heights"
        )
    require_bounded("map.ground.height_m", ground.height_m, _HIGHEST_M, "cell {}, {}".format)
