"""Roads: lanes on both sides of a line, what runs beside them, what stands at the kerb."""

import itertools
from dataclasses import dataclass

import numpy as np

from sim.geometry import polyline
from sim.scenario import AreaKind, Route
from sim.sources.procedural.builder import MapBuilder, bezier, line_between, strip
from sim.sources.procedural.layout import Crossing, Layout, Spot

Array = np.ndarray
Rng = np.random.Generator


def road(
    builder: MapBuilder, line: Array, forward: int, backward: int, width_m: float, limit_mps: float
) -> tuple[list[int], list[int]]:
    """Lanes on both sides of a line; each list runs from the middle of the road outwards."""
    ahead = [
        builder.add_lane(polyline.offset(line, -(k + 0.5) * width_m), width_m, limit_mps)
        for k in range(forward)
    ]
    back = [
        builder.add_lane(polyline.offset(line, (k + 0.5) * width_m)[::-1], width_m, limit_mps)
        for k in range(backward)
    ]
    for lanes in (ahead, back):
        for left, right in itertools.pairwise(lanes):
            builder.beside(left, right)
    return ahead, back


@dataclass(frozen=True)
class Avenue:
    """A nearly straight paved road of several lanes ahead, and perhaps one that comes back."""

    builder: MapBuilder
    line: Array
    ahead: list[int]  # from the middle of the road outwards
    width_m: float
    limit_mps: float


def avenue(
    rng: Rng, lanes: tuple[int, int], limit_mps: tuple[float, float], length_m: float
) -> Avenue:
    """Width, number of lanes (at least, less than), limit and course are drawn."""
    builder, width = MapBuilder(), float(rng.uniform(3.2, 3.75))
    count, limit = int(rng.integers(*lanes)), float(rng.uniform(*limit_mps))
    line = gentle(rng, length_m)
    ahead, _ = road(builder, line, count, int(rng.integers(0, 2)), width, limit)
    builder.pave()
    return Avenue(builder, line, ahead, width, limit)


def one_road_layout(
    builder: MapBuilder, ahead: list[int], back: list[int], rng: Rng, **kwargs: object
) -> Layout:
    """Every lane is a route; the ego is on one of those ahead."""
    routes = [builder.route([k]) for k in (*ahead, *back)]
    spawn = [[(5.0, len(r.path_m) - 40.0)] for r in routes]
    ego = int(rng.integers(len(ahead)))
    return Layout(builder, routes, spawn, ego, (60.0, 80.0), **kwargs)  # type: ignore[arg-type]


def bends(rng: Rng, length_m: float, radius_m: tuple[float, float]) -> Array:
    """A line of straights and bends through the origin, joined without jumps of curvature."""
    curvature = np.zeros(round(length_m))
    k = int(rng.uniform(50, 90))
    sign = rng.choice((-1, 1))
    while k < len(curvature) - 60:
        arc = int(rng.uniform(40, 80))
        curvature[k : k + arc] = sign / rng.uniform(*radius_m)
        k += arc + int(rng.uniform(10, 50))
        sign = -sign
    yaw = np.cumsum(np.convolve(curvature, np.ones(15) / 15, mode="same"))
    steps = np.stack((np.cos(yaw), np.sin(yaw)), axis=-1)
    return np.concatenate((np.zeros((1, 2)), np.cumsum(steps, axis=0)))


def walks(line: Array, half_width_m: float) -> list[Array]:
    """Walkways along both sides of a road."""
    return [polyline.offset(line, side * (half_width_m + 2.5)) for side in (-1, 1)]


def gentle(rng: Rng, length_m: float) -> Array:
    """A nearly straight road."""
    return bends(rng, length_m, (400.0, 900.0))


def cross_road(layout: Layout, line: Array, at_m: int, half_width_m: float) -> None:
    """A zebra across a road."""
    yaw = polyline.headings_rad(line)[at_m]
    normal = np.array((-np.sin(yaw), np.cos(yaw)))
    ends = [line[at_m] + side * (half_width_m + 1.5) * normal for side in (-1, 1)]
    layout.map.add_area(AreaKind.CROSSWALK, strip(np.stack(ends), 1.75))
    layout.crossings += [Crossing(ends[0], ends[1]), Crossing(ends[1], ends[0])]


def park(
    layout: Layout, line: Array, offset_m: float, between_m: tuple[int, int], share: float, rng: Rng
) -> None:
    """A row of parked cars, `offset_m` to the left of the line; `share`: of places that one stands at."""
    row = polyline.offset(line, offset_m)
    yaw = polyline.headings_rad(line)
    for k in np.arange(*between_m, 1):
        if rng.random() < share:
            heading = yaw[k] + (0.0 if offset_m < 0 else np.pi) + rng.normal(0, 0.015)
            category = str(rng.choice(("vehicle.car", "vehicle.car", "vehicle.car", "van")))
            layout.spots.append(Spot(float(row[k, 0]), float(row[k, 1]), float(heading), category))


def ramp_road(
    lanes: int, width_m: float, limit_mps: float, nose_m: float, end_m: float, angle_rad: float
) -> tuple[MapBuilder, list[int], Route, float]:
    """A road of some lanes along x that a ramp runs beside from `nose_m` to `end_m`.

    Also its lanes, the way along the ramp into the road, and where on that way the change begins.
    """
    builder = MapBuilder()
    line = line_between(np.zeros(2), np.array((480.0, 0.0)))
    ahead, _ = road(builder, line, lanes, 0, width_m, limit_mps)
    y = -(lanes + 0.5) * width_m
    direction = np.array((np.cos(angle_rad), np.sin(angle_rad)))
    nose = np.array((nose_m, y))
    start, before = nose - 110.0 * direction, nose - 40.0 * direction
    bend = bezier(before, direction, nose, np.array((1.0, 0.0)))
    ramp_line = np.concatenate((line_between(start, before)[:-1], bend))
    ramp_line = np.concatenate((ramp_line[:-1], line_between(nose, np.array((end_m, y)))))
    ramp = builder.add_lane(ramp_line, width_m, min(limit_mps, 17.0), priority=0)
    builder.beside(ahead[-1], ramp)
    builder.pave(rounding_m=1.0)
    change = len(ramp_line) - (end_m - nose_m) + 20.0
    return builder, ahead, builder.change_route(ramp, ahead[-1], change, 60.0), change
