"""Polylines as nuScenes arcline paths: pieces of constant curvature, each from one vertex to another.

An arcline path of the map expansion has three segments, arc, straight, arc (`shape` LSL: both arcs turn
left; RSR: right), with one `radius` and three `segment_length`s in metres. Here each path is either one
arc (the first segment) or one straight (the second); the other two segments have length 0.
"""

import math
from typing import Any

import numpy as np

from sim.geometry import polyline

TOLERANCE_M = 0.02
_STRAIGHT_RADIUS_M = 1e6  # flatter arcs are straights, as they are to the devkit
_FLAT_M = 1e-6
_ANY_RADIUS_M = 999.0  # of a straight, whose arcs have length 0


def arcline_path(points_m: np.ndarray, tolerance_m: float = TOLERANCE_M) -> list[dict[str, Any]]:
    """Arcline paths along a polyline `[K, 2]`: all vertices lie within `tolerance_m` of them."""
    points = polyline.drop_repeats(np.asarray(points_m, dtype=np.float64))
    pieces, first = [], 0
    while first < len(points) - 1:
        last = _longest(points, first, tolerance_m)
        pieces.append(_piece(points[first], points[last], _turn(points[first : last + 1])))
        first = last
    return pieces


def _longest(points: np.ndarray, first: int, tolerance_m: float) -> int:
    """Index of the last vertex that one piece from vertex `first` can reach: doubling, then bisection."""
    good, reach = first + 1, 2
    while first + reach < len(points) and _fits(points[first : first + reach + 1], tolerance_m):
        good, reach = first + reach, 2 * reach
    bad = min(first + reach, len(points))
    while bad - good > 1:
        middle = (good + bad) // 2
        if _fits(points[first : middle + 1], tolerance_m):
            good = middle
        else:
            bad = middle
    return good


def _turn(points: np.ndarray) -> float:
    """By which angle the arc through the first, middle and last vertex turns, radians, left positive.

    Infinite where both ends are one point.
    """
    if len(points) < 3:
        return 0.0
    chord = points[-1] - points[0]
    length = float(np.hypot(*chord))
    if length == 0:
        return math.inf
    middle = points[len(points) // 2]
    ahead = chord / length
    across = float(ahead[0] * (middle - points[0])[1] - ahead[1] * (middle - points[0])[0])
    along = float(ahead @ (middle - points[0]))
    if abs(across) < _FLAT_M:
        return 0.0
    # The circle through all three: its centre lies on the chord's bisector, `height` to the left.
    height = (across**2 + along**2 - along * length) / (2 * across)
    turn = 2 * math.atan2(0.5 * length, -math.copysign(1.0, across) * height)
    return -math.copysign(turn, across)


def _fits(points: np.ndarray, tolerance_m: float) -> bool:
    """Whether one piece through `points` `[K, 2]` passes all of them in order, within `tolerance_m`.

    It has to turn by less than half a circle.
    """
    turn = _turn(points)
    if not abs(turn) < math.pi:
        return False
    chord = points[-1] - points[0]
    length = float(np.hypot(*chord))
    ahead = chord / length
    relative = points - points[0]
    along, across = relative @ ahead, relative @ np.array((-ahead[1], ahead[0]))
    if (np.diff(along) <= 0).any():
        return False
    if turn == 0:
        return bool(np.abs(across).max() <= tolerance_m)
    radius = length / (2 * math.sin(0.5 * turn))  # negative to the right
    height = radius * math.cos(0.5 * turn)
    distance = np.hypot(along - 0.5 * length, across - height)
    return bool(np.abs(distance - abs(radius)).max() <= tolerance_m)


def _piece(start: np.ndarray, end: np.ndarray, turn: float) -> dict[str, Any]:
    """The arcline path from `start` to `end` (x, y in metres) that turns by `turn` radians."""
    chord = end - start
    length, direction = float(np.hypot(*chord)), math.atan2(chord[1], chord[0])
    radius = length / (2 * math.sin(0.5 * abs(turn))) if turn else math.inf
    if radius > _STRAIGHT_RADIUS_M:
        turn, radius, segments = 0.0, _ANY_RADIUS_M, [0.0, length, 0.0]
    else:
        segments = [radius * abs(turn), 0.0, 0.0]
    return {
        "start_pose": [float(start[0]), float(start[1]), direction - 0.5 * turn],
        "end_pose": [float(end[0]), float(end[1]), direction + 0.5 * turn],
        "shape": "RSR" if turn < 0 else "LSL",
        "radius": radius,
        "segment_length": segments,
    }
