"""Lanes from what recorded maps say of them: strips, links, neighbours, drivable areas."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sim.geometry import polyline
from sim.scenario import AreaKind, Lane, LaneKind, MapArea

if TYPE_CHECKING:
    import shapely

LANE_WIDTH_M = 3.5  # where a map has centrelines alone
_SLIVER_M2 = 0.05
SPEED_LIMIT_MPS = 13.4  # 30 mph: where a map says nothing
MPS_PER_MPH = 0.44704
_JOIN_M, _JOIN_RAD = 1.0, 0.5
_CROSSING_RAD = 0.35
_CLOSE_GAPS_M, _SHOULDER_M = 1.0, 0.5
_STRAIGHT_RAD = 0.64
STRAIGHT_RANK, RIGHT_RANK, LEFT_RANK = 30, 20, 10  # right of way of ways through a junction
_INNER_M = 3.0  # of both ends of a lane: where lanes meet they do not cross


def open_ring(polygon_m: Float[np.ndarray, "v 2"]) -> Float[np.ndarray, "w 2"]:
    """The ring without a last vertex that repeats the first."""
    return polygon_m[:-1] if np.allclose(polygon_m[0], polygon_m[-1]) else polygon_m


def strip(
    line_m: Float[np.ndarray, "k 2"], width_m: float = LANE_WIDTH_M
) -> tuple[Float[np.ndarray, "k 2"], Float[np.ndarray, "k 2"], Float[np.ndarray, "v 2"]]:
    """Left side, right side and outline of a strip along a centreline."""
    left, right = (polyline.offset(line_m, side * width_m / 2) for side in (1.0, -1.0))
    return left, right, np.concatenate((right, left[::-1]))


def linked(lanes: list[Lane], links: Iterable[tuple[int, int]]) -> list[Lane]:
    """The lanes with their successors and predecessors: each link `(from, to)` holds for both."""
    after: dict[int, list[int]] = {}
    before: dict[int, list[int]] = {}
    for start, end in sorted(set(links)):
        after.setdefault(start, []).append(end)
        before.setdefault(end, []).append(start)
    return [
        replace(lane, successors=tuple(after.get(k, ())), predecessors=tuple(before.get(k, ())))
        for k, lane in enumerate(lanes)
    ]


def links_by_geometry(lanes: list[Lane]) -> list[tuple[int, int]]:
    """A lane leads to those that start where it ends, in the same direction."""
    starts = np.stack([lane.centerline_m[0] for lane in lanes])
    ends = np.stack([lane.centerline_m[-1] for lane in lanes])
    first = np.array([polyline.headings_rad(lane.centerline_m)[0] for lane in lanes])
    last = np.array([polyline.headings_rad(lane.centerline_m)[-1] for lane in lanes])
    near = np.linalg.norm(ends[:, None] - starts[None], axis=-1) < _JOIN_M
    turn = np.abs((last[:, None] - first[None] + np.pi) % (2 * np.pi) - np.pi)
    return [(int(a), int(b)) for a, b in np.argwhere(near & (turn < _JOIN_RAD))]


def crossing_lanes(lanes: list[Lane]) -> set[int]:
    """The lanes whose middle crosses that of another at an angle: those of a junction."""
    import shapely

    inner = [_inner(lane.centerline_m.astype(np.float64)) for lane in lanes]
    lines = [shapely.LineString(line) for line in inner]
    pairs = shapely.STRtree(lines).query(lines, predicate="crosses")
    found: set[int] = set()
    for a, b in pairs.T.tolist():
        at = shapely.get_coordinates(shapely.intersection(lines[a], lines[b]))
        if a < b and len(at):
            turn = _heading_at(inner[a], at[0]) - _heading_at(inner[b], at[0])
            if abs(np.sin(turn)) > np.sin(_CROSSING_RAD):
                found |= {a, b}
    return found


def with_neighbors(lanes: list[Lane]) -> list[Lane]:
    """Beside each lane (not connectors: nobody changes lanes in a junction) those that run along."""
    import shapely

    plain = [k for k, lane in enumerate(lanes) if lane.kind == LaneKind.LANE]
    tree = shapely.STRtree([shapely.Polygon(lanes[k].polygon_m).buffer(0) for k in plain])
    left, right = dict.fromkeys(plain, -1), dict.fromkeys(plain, -1)
    for k in plain:
        line = lanes[k].centerline_m
        yaw = polyline.headings_rad(line)
        middle = len(line) // 2
        beside = line[middle] + LANE_WIDTH_M * np.array((-np.sin(yaw[middle]), np.cos(yaw[middle])))
        for place in tree.query(shapely.Point(beside), predicate="intersects"):
            other = plain[int(place)]
            near = np.linalg.norm(lanes[other].centerline_m - beside, axis=1).argmin()
            turn = polyline.headings_rad(lanes[other].centerline_m)[near] - yaw[middle]
            if other != k and np.cos(turn) > np.cos(_JOIN_RAD) and right[other] < 0:
                left[k], right[other] = other, k
                break
    return [
        replace(lane, left_neighbor=left.get(k, -1), right_neighbor=right.get(k, -1))
        for k, lane in enumerate(lanes)
    ]


def turn_rank(line_m: Float[np.ndarray, "k 2"]) -> int:
    """Right of way of a way through a junction: straight on before right turns before left ones."""
    yaw = np.unwrap(polyline.headings_rad(line_m))
    turn = yaw[-1] - yaw[0]
    if abs(turn) < _STRAIGHT_RAD:
        return STRAIGHT_RANK
    return LEFT_RANK if turn > 0.0 else RIGHT_RANK


def paved(lanes: list[Lane]) -> "shapely.Geometry":
    """The lanes with a shoulder, gaps between neighbours closed."""
    import shapely

    shapes = [shapely.make_valid(shapely.Polygon(lane.polygon_m)) for lane in lanes]
    union = shapely.union_all(shapes).buffer(_CLOSE_GAPS_M, quad_segs=4)
    return union.buffer(_SHOULDER_M - _CLOSE_GAPS_M, quad_segs=4).simplify(0.05)


def drivable_areas(shape: "shapely.Geometry") -> list[MapArea]:
    """The polygons of a shape, with their holes, as drivable areas.

    Slivers, which a union leaves where edges nearly meet, are neither: their sides are arbitrary.
    """
    import shapely

    areas = []
    for part in shapely.get_parts(shape):
        if part.geom_type == "Polygon" and part.area > _SLIVER_M2:
            holes = [ring for ring in part.interiors if shapely.Polygon(ring).area > _SLIVER_M2]
            rings = [np.asarray(r.coords)[:-1] for r in (part.exterior, *holes)]
            areas.append(MapArea(AreaKind.DRIVABLE, rings[0], tuple(rings[1:])))
    return areas


def _inner(line_m: np.ndarray) -> np.ndarray:
    length = polyline.arc_length_m(line_m)[-1]
    cut = min(_INNER_M, length / 4)
    return polyline.at(line_m, np.linspace(cut, length - cut, max(2, round(length))))


def _heading_at(line_m: np.ndarray, point_m: np.ndarray) -> float:
    return float(polyline.headings_rad(line_m)[np.linalg.norm(line_m - point_m, axis=1).argmin()])
