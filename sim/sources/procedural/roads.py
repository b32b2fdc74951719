"""Families on one road: straight, curve, lane closure, narrow street, crosswalk, jam, merge."""

import itertools

import numpy as np

from sim.geometry import polyline
from sim.scenario import AreaKind
from sim.sources.procedural.builder import MapBuilder, bezier, line_between
from sim.sources.procedural.layout import Crossing, Layout, Spot

Array = np.ndarray
Rng = np.random.Generator


def _road(
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


def _one_road_layout(
    builder: MapBuilder, ahead: list[int], back: list[int], rng: Rng, **kwargs: object
) -> Layout:
    """Every lane is a route; the ego is on one of those ahead."""
    routes = [builder.route([k]) for k in (*ahead, *back)]
    spawn = [[(5.0, len(r.path_m) - 40.0)] for r in routes]
    ego = int(rng.integers(len(ahead)))
    return Layout(builder, routes, spawn, ego, (60.0, 80.0), **kwargs)  # type: ignore[arg-type]


def _bends(rng: Rng, length_m: float, radius_m: tuple[float, float]) -> Array:
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


def _walks(line: Array, half_width_m: float) -> list[Array]:
    """Walkways along both sides of a road."""
    return [polyline.offset(line, side * (half_width_m + 2.5)) for side in (-1, 1)]


def _gentle(rng: Rng, length_m: float) -> Array:
    """A nearly straight road."""
    return _bends(rng, length_m, (400.0, 900.0))


def straight(rng: Rng) -> Layout:
    """Several lanes each way; some cars change lanes, one of them in front of the ego."""
    builder, width = MapBuilder(), float(rng.uniform(3.2, 3.75))
    lanes = int(rng.integers(2, 4))
    line = _gentle(rng, 420.0)
    ahead, back = _road(
        builder, line, lanes, int(rng.integers(1, 3)), width, float(rng.uniform(11, 15))
    )
    builder.pave()
    layout = _one_road_layout(
        builder, ahead, back, rng, cars=(10, 20), walks=_walks(line, 4 * width)
    )
    ego_lane = ahead[layout.ego_route]
    for lane in ahead:
        start = float(rng.uniform(100, 170))
        if lane != ego_lane and abs(lane - ego_lane) == 1:
            layout.routes.append(
                builder.change_route(lane, ego_lane, start, float(rng.uniform(35, 60)))
            )
            layout.spawn.append([(start - 50.0, start - 10.0)])
    return layout


def curve(rng: Rng) -> Layout:
    """A winding road."""
    builder, width = MapBuilder(), float(rng.uniform(3.2, 3.75))
    lanes = int(rng.integers(1, 3))
    line = _bends(rng, 400.0, (30.0, 90.0))
    ahead, back = _road(builder, line, lanes, lanes, width, float(rng.uniform(9, 14)))
    builder.pave()
    return _one_road_layout(builder, ahead, back, rng, walks=_walks(line, lanes * width))


def jam(rng: Rng) -> Layout:
    """Dense lanes that crawl past a bottleneck."""
    builder, width = MapBuilder(), float(rng.uniform(3.1, 3.6))
    lanes, limit = int(rng.integers(2, 4)), float(rng.uniform(11, 14))
    line = _gentle(rng, 400.0)
    cut = int(rng.uniform(200, 260))
    first, _back = _road(builder, line[: cut + 1], lanes, 0, width, limit)
    second, _ = _road(builder, line[cut:], lanes, 0, width, float(rng.uniform(2.5, 5.0)))
    for before, after in zip(first, second, strict=True):
        builder.connect(before, after)
    builder.pave()
    routes = [builder.route([a, b]) for a, b in zip(first, second, strict=True)]
    return Layout(
        builder, routes, [[(60.0, 300.0)] for _ in routes], int(rng.integers(lanes)), (110.0, 150.0),
        cars=(18, 26), pedestrians=(0, 2), gap_m=(0.5, 5.0), speed_factor=0.25,
        walks=_walks(line, lanes * width),
    )  # fmt: skip


def narrow_street(rng: Rng) -> Layout:
    """One lane each way between parked cars."""
    import shapely

    builder, width = MapBuilder(), float(rng.uniform(3.1, 3.4))
    line = _gentle(rng, 340.0)
    ahead, back = _road(builder, line, 1, 1, width, float(rng.uniform(7, 9)))
    parking = 2.3
    strip = shapely.LineString(line).buffer(width + parking + 0.3, cap_style="flat")
    builder.pave(extra=[strip])
    layout = _one_road_layout(
        builder,
        ahead,
        back,
        rng,
        cars=(4, 9),
        pedestrians=(3, 6),
        walks=_walks(line, width + parking),
    )
    yaw = polyline.headings_rad(line)
    for side in (-1, 1):
        row = polyline.offset(line, side * (width + 0.25 + parking / 2))
        for k in np.arange(40, 260, 1):
            if rng.random() < 0.045:
                heading = yaw[k] + (0.0 if side < 0 else np.pi) + rng.normal(0, 0.015)
                category = str(rng.choice(("vehicle.car", "vehicle.car", "vehicle.car", "van")))
                layout.spots.append(
                    Spot(float(row[k, 0]), float(row[k, 1]), float(heading), category)
                )
    return layout


def crosswalk(rng: Rng) -> Layout:
    """Pedestrians cross in the middle of a block, without a light."""
    builder, width = MapBuilder(), float(rng.uniform(3.1, 3.6))
    lanes = int(rng.integers(1, 3))
    line = _gentle(rng, 360.0)
    ahead, back = _road(builder, line, lanes, lanes, width, float(rng.uniform(8, 13)))
    builder.pave()
    layout = _one_road_layout(
        builder,
        ahead,
        back,
        rng,
        cars=(6, 12),
        pedestrians=(5, 9),
        walks=_walks(line, lanes * width),
    )
    _cross_road(layout, line, int(rng.uniform(120, 170)), lanes * width)
    return layout


def _cross_road(layout: Layout, line: Array, at_m: int, half_width_m: float) -> None:
    """A zebra across a road."""
    import shapely

    yaw = polyline.headings_rad(line)[at_m]
    normal = np.array((-np.sin(yaw), np.cos(yaw)))
    ends = [line[at_m] + side * (half_width_m + 1.5) * normal for side in (-1, 1)]
    zebra = shapely.LineString(ends).buffer(1.75, cap_style="flat")
    layout.map.add_area(AreaKind.CROSSWALK, zebra)
    layout.crossings += [Crossing(ends[0], ends[1]), Crossing(ends[1], ends[0])]


def lane_closure(rng: Rng) -> Layout:
    """Cones close the outer lane; its traffic changes over before them."""
    builder, width = MapBuilder(), float(rng.uniform(3.2, 3.7))
    line = _gentle(rng, 420.0)
    ahead, back = _road(builder, line, 2, 1, width, float(rng.uniform(9, 13)))
    builder.pave()
    inner, outer = ahead
    closed_from, closed_to = float(rng.uniform(190, 220)), float(rng.uniform(270, 300))
    change = closed_from - 75.0
    routes = [
        builder.route([inner]),
        builder.change_route(outer, inner, change, 45.0),
        *(builder.route([k]) for k in back),
    ]
    spawn = [[(5.0, 370.0)], [(5.0, change - 10.0)], *[[(5.0, 370.0)] for _ in back]]
    layout = Layout(
        builder, routes, spawn, int(rng.integers(2)), (50.0, 70.0), cars=(8, 14), pedestrians=(0, 3),
        walks=_walks(line, 2 * width),
    )  # fmt: skip
    row = builder.lanes[outer].centerline_m
    yaw = polyline.headings_rad(row)
    for k, s in enumerate(np.linspace(closed_from, closed_to, 9)):
        i = int(s)
        side = max(-1.0, 1.0 - 0.8 * k)  # a taper across the lane, then along its inner edge
        shift = (-side if side > -1.0 else 1.0) * 0.3 * width
        if k == 4:
            shift = 0.0  # the barrier stands in the middle of the closed lane
        x, y = row[i] + shift * np.array((-np.sin(yaw[i]), np.cos(yaw[i])))
        category = "movable_object.barrier" if k == 4 else "movable_object.trafficcone"
        layout.spots.append(Spot(float(x), float(y), float(yaw[i]), category))
    return layout


def merge(rng: Rng) -> Layout:
    """A ramp joins a fast road; its traffic must find a gap."""
    builder, width = MapBuilder(), float(rng.uniform(3.4, 3.75))
    lanes, limit = int(rng.integers(2, 4)), float(rng.uniform(15, 22))
    line = line_between(np.zeros(2), np.array((480.0, 0.0)))
    ahead, _ = _road(builder, line, lanes, 0, width, limit)
    nose, end = float(rng.uniform(150, 180)), float(rng.uniform(300, 330))
    y = -(lanes + 0.5) * width
    angle = float(rng.uniform(0.12, 0.22))
    start = np.array((nose - 110.0 * np.cos(angle), y - 110.0 * np.sin(angle)))
    before = np.array((nose - 40.0 * np.cos(angle), y - 40.0 * np.sin(angle)))
    direction = np.array((np.cos(angle), np.sin(angle)))
    bend = bezier(before, direction, np.array((nose, y)), np.array((1.0, 0.0)))
    ramp_line = np.concatenate((line_between(start, before)[:-1], bend))
    ramp_line = np.concatenate(
        (ramp_line[:-1], line_between(np.array((nose, y)), np.array((end, y))))
    )
    ramp = builder.add_lane(ramp_line, width, min(limit, 17.0), priority=0)
    builder.beside(ahead[-1], ramp)
    builder.pave(rounding_m=1.0)
    length = len(ramp_line)
    change = length - (end - nose) + 20.0
    joins = builder.change_route(ramp, ahead[-1], change, 60.0)
    routes = [*(builder.route([k]) for k in ahead), joins]
    spawn = [[(5.0, 430.0)] for _ in ahead] + [[(3.0, change - 25.0)]]
    ego = len(routes) - 1 if rng.random() < 0.5 else lanes - 1
    start_m = (20.0, 45.0) if ego == len(routes) - 1 else (60.0, 90.0)
    return Layout(
        builder, routes, spawn, ego, start_m, cars=(8, 15), pedestrians=(0, 0), gap_m=(4.0, 35.0)
    )
