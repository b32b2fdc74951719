"""Lanes and what they are part of as bits of cells (numpy, on the CPU)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag

import numpy as np

from sim.geometry import polyline
from sim.geometry.fill import fill
from sim.geometry.grid import BevGrid
from sim.maps.areas import Polygon, polygons_of
from sim.scenario import EGO, AreaKind, Lane, LaneKind, Scenario

HEADING_BINS = 32
_MAX_LANE_BITS = 62  # of an int64
_LANE_REACH_M = 10.0  # lanes nearer than this to one another get different bits


class AreaBit(IntFlag):
    """Bits of `MapField.area_bits`."""

    INTERSECTION = 1
    CROSSWALK = 2
    ROUTE = 4  # lanes of the ego's route and their neighbours of the same direction
    LEADS = 8  # those of them from which its end, or a lane beside it, needs no lane change


@dataclass(frozen=True)
class LaneBits:
    """Rasters `[X, Y]` of one map, as `MapField` describes them."""

    lane: np.ndarray  # int64
    heading: np.ndarray  # int64
    area: np.ndarray  # uint8

    @staticmethod
    def of(scenario: Scenario, grid: BevGrid) -> "LaneBits":
        """Lanes, connectors, intersections, crosswalks, the ego's route and what leads along it."""
        bits = LaneBits(
            *(np.zeros(grid.shape, dtype=dtype) for dtype in (np.int64, np.int64, np.uint8))
        )
        lanes = scenario.map.lanes
        near = [k for k, lane in enumerate(lanes) if _touches(lane.polygon_m, grid)]
        on_route = _route_lanes(scenario)
        leads = _leading_lanes(scenario, on_route)
        for k, bit in zip(near, _color([lanes[k] for k in near]), strict=True):
            route = AreaBit.ROUTE * (k in on_route) | AreaBit.LEADS * (k in leads)
            bits._add_lane(lanes[k], bit, route, grid)
        for kind, bit in _AREAS.items():
            for polygon in polygons_of(scenario.map, kind):
                bits.area[_cells_inside(polygon, grid)] |= int(bit)
        return bits

    def _add_lane(self, lane: Lane, bit: int, route: int, grid: BevGrid) -> None:
        cells = _cells_inside((lane.polygon_m,), grid)
        self.lane[cells] |= np.int64(1) << bit
        self.heading[cells] |= _heading_bits(lane, np.stack(grid.center_m(*cells), axis=-1))
        if lane.kind == LaneKind.CONNECTOR:
            self.area[cells] |= int(AreaBit.INTERSECTION)
        self.area[cells] |= route


_AREAS = {AreaKind.INTERSECTION: AreaBit.INTERSECTION, AreaKind.CROSSWALK: AreaBit.CROSSWALK}


def _cells_inside(polygon_m: Polygon, grid: BevGrid) -> tuple[np.ndarray, np.ndarray]:
    """i and j of the cells in a polygon."""
    part, (rows, columns) = grid.part(polygon_m[0].min(0), polygon_m[0].max(0))
    i, j = np.nonzero(fill(list(polygon_m), part))
    return i + rows.start, j + columns.start


def _touches(polygon_m: np.ndarray, grid: BevGrid) -> bool:
    part, _ = grid.part(polygon_m.min(0), polygon_m.max(0))
    return part.num_cells > 0


def _route_lanes(scenario: Scenario) -> set[int]:
    route = scenario.routes[EGO]
    if route is None:
        return set()
    return _with_neighbors(scenario.map.lanes, route.lanes)


def _with_neighbors(lanes: list[Lane], of: Sequence[int]) -> set[int]:
    """These lanes and all beside them of the same direction."""
    found, open_ends = set(of), list(of)
    while open_ends:
        lane = lanes[open_ends.pop()]
        for side in (lane.left_neighbor, lane.right_neighbor):
            if side >= 0 and side not in found:
                found.add(side)
                open_ends.append(side)
    return found


def _leading_lanes(scenario: Scenario, on_route: set[int]) -> set[int]:
    """Which of the route's lanes and their neighbours lead to its last lane, or to one beside that."""
    route = scenario.routes[EGO]
    if route is None:
        return set()
    lanes = scenario.map.lanes
    found = _with_neighbors(lanes, route.lanes[-1:])
    while more := {k for k in on_route - found if found & set(lanes[k].successors)}:
        found |= more
    return found


def _color(lanes: list[Lane]) -> list[int]:
    """A bit per lane such that lanes within `_LANE_REACH_M` of one another differ (greedy).

    Where more lanes meet than there are bits, the least used bit nearby is shared.
    """
    import shapely

    boxes = [(*lane.polygon_m.min(0), *lane.polygon_m.max(0)) for lane in lanes]
    if not boxes:
        return []
    shapes = shapely.box(*np.array(boxes).T)
    tree = shapely.STRtree(shapes)
    grown = shapely.buffer(shapes, _LANE_REACH_M, join_style="mitre")
    rows, others = tree.query(grown, predicate="intersects")
    colors = [-1] * len(lanes)
    for k in range(len(lanes)):
        used = np.zeros(_MAX_LANE_BITS, dtype=int)
        for other in others[rows == k]:
            if colors[other] >= 0:
                used[colors[other]] += 1
        colors[k] = int(used.argmin())
    return colors


def _heading_bits(lane: Lane, points_m: np.ndarray) -> np.ndarray:
    """The heading bit at each point (`[1]`: one for all), by the nearest point of the centreline."""
    from scipy.spatial import KDTree

    line = polyline.resample(lane.centerline_m, 1.0)
    yaw = polyline.headings_rad(line)
    bins = np.round(yaw * (HEADING_BINS / (2 * np.pi))).astype(np.int64) % HEADING_BINS
    if (bins == bins[0]).all():  # a straight lane; most are
        return np.int64(1) << bins[:1]
    _, nearest = KDTree(line).query(points_m)
    return np.int64(1) << bins[nearest]
