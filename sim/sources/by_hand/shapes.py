"""Lines and outlines that a user typed: read, and asked whether lanes can be made of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from sim.errors import InputError
from sim.geometry import polyline
from sim.scenario import Lane
from sim.scenario_check.values import FARTHEST_M

Array = np.ndarray
_SHORTEST_M = 1.0
_SHARPEST_RAD = 0.55  # at a point: what is more is a corner, and no bend
_MEET_M, _MEET_RAD = 1.0, 0.6
_BESIDE_M = (2.0, 5.5)  # between the middles of lanes that traffic changes between
_STEP_BEYOND_M = 1.5  # the kerb, of who waits to cross


def points_of(where: str, points_m: ArrayLike, least: int) -> Array:
    """Points `[K, 2]`; InputError for fewer, and for what are no points."""
    try:
        points = np.asarray(points_m, dtype=np.float64)
    except (ValueError, TypeError):
        raise InputError(f"{where}: expected points (x, y)") from None
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(f"{where}: expected points (x, y), got an array {points.shape}")
    if not np.isfinite(points).all() or np.abs(points).max(initial=0.0) > FARTHEST_M:
        raise InputError(f"{where}: its points must be numbers within {FARTHEST_M:g} m")
    if len(polyline.drop_repeats(points)) < least:
        raise InputError(f"{where}: {least} points or more are needed, apart from each other")
    return points


def require_lane_line(where: str, line_m: ArrayLike, width_m: float) -> Array:
    """The middle of a lane: long enough, without corners, nor bends tighter than the lane is wide."""
    line = polyline.drop_repeats(points_of(where, line_m, least=2))
    length_m = polyline.length_m(line)
    if length_m < _SHORTEST_M:
        raise InputError(f"{where}: {length_m:.2g} m long; {_SHORTEST_M:g} m or more are needed")
    yaw = polyline.heading_rad(np.diff(line, axis=0))
    turn = np.abs((np.diff(yaw) + np.pi) % (2 * np.pi) - np.pi)
    if turn.max(initial=0.0) > _SHARPEST_RAD:
        k = int(turn.argmax()) + 1
        x, y = line[k]
        raise InputError(
            f"{where}: a corner of {np.degrees(turn[k - 1]):.0f} degrees at ({x:g}, {y:g}): give more "
            "points of the bend, or two lanes and a connector"
        )
    fine = polyline.resample(line, 1.0)
    bend = np.abs(np.diff(np.unwrap(polyline.headings_rad(fine))))
    if len(bend) > 2 and bend.max() * 0.5 * width_m > 1.0:
        x, y = fine[int(bend.argmax())]
        raise InputError(f"{where}: bends tighter than half its width at ({x:.1f}, {y:.1f})")
    return line


def require_joined(before: Lane, after: Lane) -> None:
    """The one starts where the other ends, in its direction."""
    gap_m = float(np.linalg.norm(after.centerline_m[0] - before.centerline_m[-1]))
    if gap_m > _MEET_M:
        raise InputError(
            f"connect: lane {after.lane_id!r} starts {gap_m:.1f} m from the end of lane "
            f"{before.lane_id!r}; use connector to draw a curve between them"
        )
    yaw = [polyline.headings_rad(lane.centerline_m) for lane in (before, after)]
    turn = abs((yaw[1][0] - yaw[0][-1] + np.pi) % (2 * np.pi) - np.pi)
    if turn > _MEET_RAD:
        raise InputError(
            f"connect: lane {after.lane_id!r} leaves the end of lane {before.lane_id!r} at an angle of "
            f"{np.degrees(turn):.0f} degrees; end the one earlier, and use connector"
        )


def require_side_by_side(left: Lane, right: Lane) -> None:
    """The one lies to the right of the other, in its direction, and near enough to change to."""
    line = left.centerline_m.astype(np.float64)
    s, offset = polyline.project(line, right.centerline_m.astype(np.float64))
    inside = (s > 0.0) & (s < polyline.length_m(line))
    told = f"side_by_side: lane {right.lane_id!r}"
    if not inside.any():
        raise InputError(f"{told} lies nowhere beside lane {left.lane_id!r}")
    yaw = polyline.headings_rad(right.centerline_m)[inside]
    along = polyline.headings_rad(line)[np.round(s[inside]).astype(int).clip(0, len(line) - 1)]
    if np.median(np.cos(yaw - along)) < 0.9:
        raise InputError(f"{told} does not run in the direction of lane {left.lane_id!r}")
    right_m = -float(np.median(offset[inside]))
    low, high = _BESIDE_M
    if not low <= right_m <= high:
        side = f"{abs(right_m):.1f} m to the {'right' if right_m > 0 else 'left'}"
        raise InputError(
            f"{told} is {side} of lane {left.lane_id!r}; name lanes from left to right, their middles "
            f"{low:g} to {high:g} m apart"
        )


def width_of(lane: Lane) -> float:
    """The mean width of a lane."""
    import shapely

    area_m2 = shapely.make_valid(shapely.Polygon(lane.polygon_m)).area
    return float(area_m2 / polyline.length_m(lane.centerline_m.astype(np.float64)))


def pose_on(lane: Lane, at_m: float) -> tuple[Array, float]:
    """Place `[2]` and heading of the middle of a lane, `at_m` along it."""
    line = lane.centerline_m.astype(np.float64)
    behind, ahead = polyline.at(line, np.array((at_m - 0.5, at_m + 0.5)))
    (place,) = polyline.at(line, np.array((at_m,)))
    return place, float(polyline.heading_rad(ahead - behind))


def spanned(lanes: Sequence[Lane], at_m: float) -> Array:
    """The line `[2, 2]` straight across lanes, `at_m` along the first, from its right to its left."""
    import shapely

    place, yaw = pose_on(lanes[0], at_m)
    left = np.array((-np.sin(yaw), np.cos(yaw)))
    cut = shapely.LineString((place - 100.0 * left, place + 100.0 * left))
    reach = []
    for lane in lanes:
        held = shapely.get_coordinates(
            cut.intersection(shapely.make_valid(shapely.Polygon(lane.polygon_m)))
        )
        if not len(held):
            raise InputError(
                f"crosswalk: lane {lane.lane_id!r} does not lie beside lane {lanes[0].lane_id!r} there"
            )
        reach += ((held - place) @ left).tolist()
    ends = np.array((min(reach) - _STEP_BEYOND_M, max(reach) + _STEP_BEYOND_M))
    return place + ends[:, None] * left


def across(lane: Lane, at_m: float, leftmost: Lane, rightmost: Lane) -> Array:
    """From the left edge of one lane to the right edge of another, `at_m` along a lane between: `[2, 2]`."""
    place, _ = pose_on(lane, at_m)
    ends = []
    for side in (leftmost.left_boundary_m, rightmost.right_boundary_m):
        edge = side.astype(np.float64)
        s, _ = polyline.project(edge, place[None])
        ends.append(polyline.at(edge, s)[0])
    return np.stack(ends).astype(np.float32)
