"""A drive made up from the start to the goal of a planning problem, where nobody recorded one.

The way leads along the lanelets, changing lanes where it must; along it distance is a quintic of time
that leaves the start and reaches the goal with their speeds. Where that would come near to a recorded
obstacle, or brake hard, the same ends are reached earlier or later in between, or with another speed
of those that the goal allows: what costs least of all that is tried.
"""

import heapq
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from jaxtyping import Bool, Float

from sim.geometry import polyline
from sim.scenario import Lane
from sim.sources.routes import lane_at, smoothed

_CHANGE_COSTS_M, _SHORT_COSTS_M2 = 20.0, 500.0  # a change of lanes, the more the shorter the lane
_FADE_M = 20.0  # from where the ego is to the middle of its lane
_BULGES_M = np.array([0.0, 2, -2, 4, -4, 6, -6, 9, -9, 12, -12, 16, -16])
_FASTER_MPS = np.array([0.0, 1, -1, 2, -2, 3, -3])
_AHEAD_S = np.array([0.0, 0.4, 0.8, 1.1])
_MARGIN_M = 0.3
_NEAR_M = 10.0
_EVERY = 3  # steps between those that are looked at
_COMFORTABLE_MPS2 = 2.0
_SMOOTH_M = 15  # points of the way, a metre apart


@dataclass(frozen=True)
class Goal:
    """Where the ego is to be after `steps`: a place, or one of some lanes; heading and speed if given."""

    steps: int
    center_m: Float[np.ndarray, "2"] | None
    lanes: tuple[int, ...]
    yaw_rad: float | None
    speed_mps: float | None


@dataclass(frozen=True)
class Others:
    """The recorded obstacles: length and width; x, y, heading over time."""

    size_m: Float[np.ndarray, "n 2"]
    pose: Float[np.ndarray, "n t 3"]
    valid: Bool[np.ndarray, "n t"]


def made_up_drive(
    start: Float[np.ndarray, "3"],
    start_mps: float,
    goal: Goal,
    lanes: list[Lane],
    others: Others,
    size_m: tuple[float, float, float],
    step_s: float,
) -> tuple[Float[np.ndarray, "t 3"], str]:
    """The ego's pose at every step, and a note that says what it is."""
    horizon_s = goal.steps * step_s
    first = int(lane_at(lanes, start[None, :2], start[2:])[0])
    way = _way(start, start_mps * horizon_s, first, goal, lanes)
    length = float(polyline.arc_length_m(way)[-1])
    end_mps = goal.speed_mps
    if goal.center_m is None or end_mps is None:  # as far as it gets by itself
        length = min(length, max(start_mps, 1.0) * horizon_s)
        end_mps = max(0.0, 2 * length / horizon_s - start_mps) if end_mps is None else end_mps
    time = np.linspace(0.0, 1.0, goal.steps + 1)
    others = _near(others, way)
    tried = []
    for faster, bulge in sorted(
        product(_FASTER_MPS, _BULGES_M), key=lambda c: abs(c[0]) + abs(c[1])
    ):
        s = _distance_m(time, start_mps * horizon_s, (end_mps + faster) * horizon_s, length, bulge)
        pose = _poses(way, s, start[2])
        hardest = float(np.abs(np.diff(s, 2)).max()) / step_s**2 if len(s) > 2 else 0.0
        rough = 50.0 * max(0.0, hardest - _COMFORTABLE_MPS2) + abs(faster) + abs(bulge)
        if tried and rough >= min(tried, key=lambda one: one[0])[0]:
            continue
        touches, soon = _conflicts(pose, s, others, size_m, step_s)
        tried.append((rough + 100.0 * touches + 5.0 * soon, touches, pose))
    _, touches, pose = min(tried, key=lambda one: one[0])
    trouble = f", through an obstacle at {touches} instants" if touches else ""
    return (
        pose,
        f"no recorded ego: its drive from start to goal is made up, along the lanes{trouble}",
    )


def _near(others: Others, way_m: np.ndarray) -> Others:
    """The obstacles that ever come near to the way."""
    low, high = way_m.min(axis=0) - _NEAR_M, way_m.max(axis=0) + _NEAR_M
    inside = ((others.pose[..., :2] > low) & (others.pose[..., :2] < high)).all(axis=-1)
    near = (inside & others.valid).any(axis=1)
    return Others(others.size_m[near], others.pose[near], others.valid[near])


def _way(
    start: np.ndarray, far_m: float, first: int, goal: Goal, lanes: list[Lane]
) -> Float[np.ndarray, "k 2"]:
    """From the start to the goal, a point every metre; straight where no lane leads there."""
    last = goal.lanes
    if goal.center_m is not None and not last:
        yaw = start[2] if goal.yaw_rad is None else goal.yaw_rad
        last = (int(lane_at(lanes, goal.center_m[None], np.array([yaw]))[0]),)
    route = _route(lanes, first, set(last))
    end = goal.center_m
    if not route:
        ahead = np.array((np.cos(start[2]), np.sin(start[2])))
        end = start[:2] + max(far_m, 5.0) * ahead if end is None else end
        return polyline.resample(np.stack((start[:2], end)), 1.0)
    line = _middle(lanes, route, start[:2], end)
    s, offset = polyline.project(line, start[None, :2])
    stop, end_offset = float(polyline.arc_length_m(line)[-1]), 0.0
    if end is not None:
        at, beside = polyline.project(line, end[None])
        stop, end_offset = float(at[0]), float(beside[0])
    along = np.arange(s[0], max(stop, s[0] + 5.0), 1.0)
    way = polyline.at(line, np.append(along, max(stop, s[0] + 5.0)))
    gone = polyline.arc_length_m(way)
    sideways = offset[0] * _fade(gone) + end_offset * _fade(gone[-1] - gone)
    return polyline.resample(smoothed(polyline.offset(way, sideways), _SMOOTH_M), 1.0)


def _fade(gone_m: np.ndarray) -> np.ndarray:
    left = np.clip(1.0 - gone_m / _FADE_M, 0.0, 1.0)
    return left**2 * (3 - 2 * left)


def _route(lanes: list[Lane], first: int, last: set[int]) -> list[int]:
    """The cheapest chain of lanes to one of `last`, by successors and neighbours; empty: none."""
    queue: list[tuple[float, int, tuple[int, ...]]] = [(0.0, first, (first,))]
    done: set[int] = set()
    while queue:
        cost, k, chain = heapq.heappop(queue)
        if k in last:
            return list(chain)
        if k in done or k < 0:
            continue
        done.add(k)
        length = float(polyline.arc_length_m(lanes[k].centerline_m)[-1])
        change = _CHANGE_COSTS_M + _SHORT_COSTS_M2 / length
        for other in lanes[k].successors:
            heapq.heappush(queue, (cost + length, other, (*chain, other)))
        for other in (lanes[k].left_neighbor, lanes[k].right_neighbor):
            if other >= 0:
                heapq.heappush(queue, (cost + change, other, (*chain, other)))
    return []


def _middle(
    lanes: list[Lane], route: list[int], start_m: np.ndarray, end_m: np.ndarray | None
) -> Float[np.ndarray, "k 2"]:
    """The middle of the route; lanes that are changed between are blended over the shared stretch."""
    groups: list[list[int]] = [[route[0]]]
    for before, k in pairwise(route):
        if k in lanes[before].successors:
            groups.append([k])
        else:
            groups[-1].append(k)
    parts = []
    for number, group in enumerate(groups):
        from_line, to_line = (
            lanes[k].centerline_m.astype(np.float64) for k in (group[0], group[-1])
        )
        share = np.linspace(0.0, 1.0, max(len(from_line), len(to_line)))
        a, b = (polyline.at(x, share * polyline.arc_length_m(x)[-1]) for x in (from_line, to_line))
        begin = _share(from_line, start_m) if number == 0 else 0.0
        end = 1.0 if number < len(groups) - 1 or end_m is None else _share(to_line, end_m)
        weight = np.clip((share - begin) / max(end - begin, 1e-3), 0.0, 1.0)
        weight = (weight**2 * (3 - 2 * weight))[:, None]
        parts.append((1 - weight) * a + weight * b)
    return polyline.resample(np.concatenate(parts), 1.0)


def _share(line_m: np.ndarray, point_m: np.ndarray) -> float:
    s, _ = polyline.project(line_m, point_m[None])
    return float(s[0] / polyline.arc_length_m(line_m)[-1])


def _distance_m(
    time: np.ndarray, start_m: float, end_m: float, length_m: float, bulge_m: float
) -> Float[np.ndarray, " t"]:
    """The quintic with s = 0, L; s' = v0 T, v1 T; s'' = 0 at both ends of the unit of time.

    `bulge_m` further in the middle, both ends kept (64 u^3 (1 - u)^3 is 1 there); never backwards.
    """
    a3 = 10 * length_m - 6 * start_m - 4 * end_m
    a4 = -15 * length_m + 8 * start_m + 7 * end_m
    a5 = 6 * length_m - 3 * start_m - 3 * end_m
    s = start_m * time + a3 * time**3 + a4 * time**4 + a5 * time**5
    s = s + 64 * bulge_m * (time * (1 - time)) ** 3
    return np.maximum.accumulate(s)


def _poses(way_m: np.ndarray, s_m: np.ndarray, start_rad: float) -> Float[np.ndarray, "t 3"]:
    """Beyond the end of the way straight on; at its start as the ego is headed."""
    length = float(polyline.arc_length_m(way_m)[-1])
    yaw = np.unwrap(polyline.headings_rad(way_m))
    yaw = np.convolve(np.pad(yaw, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    yaw += 2 * np.pi * np.round((start_rad - yaw[0]) / (2 * np.pi))
    at = np.interp(s_m, polyline.arc_length_m(way_m), yaw)
    beyond = np.maximum(s_m - length, 0.0)[:, None]
    place = polyline.at(way_m, s_m) + beyond * (np.cos(yaw[-1]), np.sin(yaw[-1]))
    return np.column_stack((place, at + (start_rad - yaw[0]) * np.clip(1 - s_m / 5.0, 0.0, 1.0)))


def _conflicts(
    pose: np.ndarray, s_m: np.ndarray, others: Others, size_m: tuple[float, ...], step_s: float
) -> tuple[int, int]:
    """At how many instants the ego would touch an obstacle; and soon would, at both speeds."""
    if not len(others.size_m):
        return 0, 0
    ego_mps = np.gradient(s_m, step_s)[::_EVERY]
    move = np.gradient(others.pose[..., :2], step_s, axis=1)[:, ::_EVERY].clip(-40.0, 40.0)
    own, them, there = pose[::_EVERY], others.pose[:, ::_EVERY], others.valid[:, ::_EVERY]
    heading = np.stack((np.cos(own[:, 2]), np.sin(own[:, 2])), axis=-1)
    touching, soon = np.zeros((2, len(own)), dtype=bool)
    for ahead in _AHEAD_S:
        apart = them[..., :2] + ahead * move - own[:, :2] - (ahead * ego_mps)[:, None] * heading
        hit = _touch(
            apart, own[:, 2], them[..., 2], np.array(size_m[:2]) + _MARGIN_M, others.size_m
        )
        hit &= there
        if ahead == 0:
            touching = hit.any(axis=0)
        else:
            soon |= (hit & ((apart * heading).sum(axis=-1) > 0)).any(axis=0)
    return _EVERY * int(touching.sum()), _EVERY * int(soon.sum())


def _touch(
    apart_m: np.ndarray,
    own_rad: np.ndarray,
    their_rad: np.ndarray,
    own_m: np.ndarray,
    their_m: np.ndarray,
) -> np.ndarray:
    """Whether boxes `apart_m` from each other overlap: no axis of either parts them."""
    cos, sin = np.abs(np.cos(their_rad - own_rad)), np.abs(np.sin(their_rad - own_rad))
    (a, b), c, d = 0.5 * own_m, 0.5 * their_m[:, :1], 0.5 * their_m[:, 1:2]
    parted = np.zeros(cos.shape, dtype=bool)
    for yaw, along, across in (
        (own_rad, a + c * cos + d * sin, b + c * sin + d * cos),
        (their_rad, c + a * cos + b * sin, d + a * sin + b * cos),
    ):
        ahead = apart_m[..., 0] * np.cos(yaw) + apart_m[..., 1] * np.sin(yaw)
        left = apart_m[..., 1] * np.cos(yaw) - apart_m[..., 0] * np.sin(yaw)
        parted |= (np.abs(ahead) > along) | (np.abs(left) > across)
    return ~parted
