"""Polylines `[K, 2]` on the CPU (numpy): arc length, resampling, headings, offsets, projection."""

import numpy as np

Array = np.ndarray


def arc_length_m(points_m: Array) -> Array:
    """Distance travelled along the polyline at each vertex, `[K]`; starts at 0."""
    steps = np.linalg.norm(np.diff(points_m, axis=0), axis=-1)
    return np.concatenate(([0.0], np.cumsum(steps)))


def length_m(points_m: Array) -> float:
    """Of the whole polyline; 0 for fewer than two points."""
    return float(np.linalg.norm(np.diff(points_m, axis=0), axis=-1).sum())


def drop_repeats(points_m: Array, tolerance_m: float = 1e-3) -> Array:
    """The polyline without vertices that repeat the one before them."""
    keep = np.ones(len(points_m), dtype=bool)
    keep[1:] = np.linalg.norm(np.diff(points_m, axis=0), axis=-1) > tolerance_m
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
    delta = np.gradient(points_m, axis=0)
    return np.arctan2(delta[:, 1], delta[:, 0])


def offset(points_m: Array, distance_m: float | Array) -> Array:
    """The polyline moved sideways by `distance_m` (positive: to the left), vertex by vertex."""
    yaw = headings_rad(points_m)
    normal = np.stack((-np.sin(yaw), np.cos(yaw)), axis=-1)
    return points_m + normal * np.reshape(distance_m, (-1, 1))


def project(points_m: Array, query_m: Array) -> tuple[Array, Array]:
    """Nearest point of the polyline to each query `[Q, 2]`: arc length `[Q]`, signed offset `[Q]`.

    The offset is positive to the left of the direction of travel.
    """
    start, delta = points_m[:-1], np.diff(points_m, axis=0)
    length_sq = np.maximum((delta**2).sum(-1), 1e-12)
    rel = query_m[:, None] - start[None]
    t = np.clip((rel * delta).sum(-1) / length_sq, 0.0, 1.0)
    gap = rel - t[..., None] * delta
    distance = np.linalg.norm(gap, axis=-1)
    best = distance.argmin(axis=1)
    rows = np.arange(len(query_m))
    side = delta[best, 0] * gap[rows, best, 1] - delta[best, 1] * gap[rows, best, 0]
    s = arc_length_m(points_m)[best] + t[rows, best] * np.sqrt(length_sq[best])
    return s, np.copysign(distance[rows, best], side)
