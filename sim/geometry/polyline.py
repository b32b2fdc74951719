"""Polylines `[K, 2]` on the CPU (numpy): arc length, resampling, headings, offsets, projection."""

import numpy as np

Array = np.ndarray
_HALF_TURN_RAD = -np.pi + 1e-6


def arc_length_m(points_m: Array) -> Array:
    """Distance travelled along the polyline at each vertex, `[K]`; starts at 0."""
    return np.concatenate(([0.0], np.cumsum(_steps_m(points_m))))


def length_m(points_m: Array) -> float:
    """Of the whole polyline; 0 for fewer than two points."""
    return float(_steps_m(points_m).sum())


def drop_repeats(points_m: Array, tolerance_m: float = 1e-3) -> Array:
    """The polyline without vertices that repeat the one before them."""
    keep = np.ones(len(points_m), dtype=bool)
    keep[1:] = _steps_m(points_m) > tolerance_m
    return points_m[keep]


def resample(points_m: Array, spacing_m: float) -> Array:
    """Vertices every `spacing_m` along the polyline; the last one is where it was, at 0.25 to 1.25."""
    points_m = drop_repeats(np.asarray(points_m, dtype=np.float64))
    s = arc_length_m(points_m)
    targets = np.arange(0.0, s[-1], spacing_m)
    if s[-1] - targets[-1] > 0.25 * spacing_m or len(targets) == 1:
        targets = np.append(targets, s[-1])
    else:
        targets[-1] = s[-1]
    return at(points_m, targets)


def at(points_m: Array, s_m: Array) -> Array:
    """Points at arc lengths `s_m` (clamped to the ends)."""
    s = arc_length_m(points_m)
    return np.stack([np.interp(s_m, s, points_m[:, axis]) for axis in (0, 1)], axis=-1)


def headings_rad(points_m: Array) -> Array:
    """Tangent direction at each vertex `[K]` (central differences, one-sided at the ends)."""
    # np.gradient's own arithmetic: calling it costs more than that on lines so short.
    first, last = points_m[1] - points_m[0], points_m[-1] - points_m[-2]
    delta = np.concatenate((first[None], (points_m[2:] - points_m[:-2]) / 2.0, last[None]))
    return heading_rad(delta)


def heading_rad(direction: Array) -> Array:
    """Of directions `[..., 2]`; pi, not -pi: which of the two it is does not hang on the last bit."""
    yaw = np.arctan2(direction[..., 1], direction[..., 0])
    return np.where(yaw < _HALF_TURN_RAD, yaw + 2.0 * np.pi, yaw)


def offset(points_m: Array, distance_m: float | Array) -> Array:
    """The polyline moved sideways by `distance_m` (positive: to the left), vertex by vertex."""
    yaw = headings_rad(points_m)
    normal = np.stack((-np.sin(yaw), np.cos(yaw)), axis=-1)
    return points_m + normal * np.reshape(distance_m, (-1, 1))


def project(points_m: Array, query_m: Array) -> tuple[Array, Array]:
    """Nearest point of the polyline to each query `[Q, 2]`: arc length `[Q]`, signed offset `[Q]`.

    The offset is positive to the left of the direction of travel.
    """
    x, y = points_m[:-1].T
    dx, dy = (points_m[1:] - points_m[:-1]).T
    length_sq = np.maximum(dx**2 + dy**2, 1e-12)
    rel_x, rel_y = query_m[:, 0, None] - x, query_m[:, 1, None] - y
    t = np.minimum(np.maximum((rel_x * dx + rel_y * dy) / length_sq, 0.0), 1.0)
    gap_x, gap_y = rel_x - t * dx, rel_y - t * dy
    distance = np.sqrt(gap_x**2 + gap_y**2)
    best = distance.argmin(axis=1)
    rows = np.arange(len(query_m))
    side = dx[best] * gap_y[rows, best] - dy[best] * gap_x[rows, best]
    s = arc_length_m(points_m)[best] + t[rows, best] * np.sqrt(length_sq[best])
    return s, np.copysign(distance[rows, best], side)


def _steps_m(points_m: Array) -> Array:
    step = points_m[1:] - points_m[:-1]
    return np.sqrt(step[:, 0] ** 2 + step[:, 1] ** 2)
