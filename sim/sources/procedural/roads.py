"""Families on one road: straight, curve, lane closure, narrow street, crosswalk, jam, merge."""

import numpy as np

from sim.geometry import polyline
from sim.sources.procedural.builder import MapBuilder, strip
from sim.sources.procedural.layout import Layout, Spot
from sim.sources.procedural.street import (
    bends,
    cross_road,
    gentle,
    one_road_layout,
    park,
    ramp_road,
    road,
    walks,
)

Array = np.ndarray
Rng = np.random.Generator


def straight(rng: Rng) -> Layout:
    """Several lanes each way; some cars change lanes, one of them in front of the ego."""
    builder, width = MapBuilder(), float(rng.uniform(3.2, 3.75))
    lanes = int(rng.integers(2, 4))
    line = gentle(rng, 420.0)
    ahead, back = road(
        builder, line, lanes, int(rng.integers(1, 3)), width, float(rng.uniform(11, 15))
    )
    builder.pave()
    layout = one_road_layout(builder, ahead, back, rng, cars=(10, 20), walks=walks(line, 4 * width))
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
    line = bends(rng, 400.0, (30.0, 90.0))
    ahead, back = road(builder, line, lanes, lanes, width, float(rng.uniform(9, 14)))
    builder.pave()
    return one_road_layout(builder, ahead, back, rng, walks=walks(line, lanes * width))


def jam(rng: Rng) -> Layout:
    """Dense lanes that crawl past a bottleneck."""
    builder, width = MapBuilder(), float(rng.uniform(3.1, 3.6))
    lanes, limit = int(rng.integers(2, 4)), float(rng.uniform(11, 14))
    line = gentle(rng, 400.0)
    cut = int(rng.uniform(200, 260))
    first, _back = road(builder, line[: cut + 1], lanes, 0, width, limit)
    second, _ = road(builder, line[cut:], lanes, 0, width, float(rng.uniform(2.5, 5.0)))
    for before, after in zip(first, second, strict=True):
        builder.connect(before, after)
    builder.pave()
    routes = [builder.route([a, b]) for a, b in zip(first, second, strict=True)]
    return Layout(
        builder, routes, [[(60.0, 300.0)] for _ in routes], int(rng.integers(lanes)), (110.0, 150.0),
        cars=(18, 26), pedestrians=(0, 2), gap_m=(0.5, 5.0), speed_factor=0.25,
        walks=walks(line, lanes * width),
    )  # fmt: skip


def narrow_street(rng: Rng) -> Layout:
    """One lane each way between parked cars."""
    builder, width = MapBuilder(), float(rng.uniform(3.1, 3.4))
    line = gentle(rng, 340.0)
    ahead, back = road(builder, line, 1, 1, width, float(rng.uniform(7, 9)))
    parking = 2.3
    builder.pave(extra=[strip(line, width + parking + 0.3)])
    layout = one_road_layout(
        builder,
        ahead,
        back,
        rng,
        cars=(4, 9),
        pedestrians=(3, 6),
        walks=walks(line, width + parking),
    )
    for side in (-1, 1):
        park(layout, line, side * (width + 0.25 + parking / 2), (40, 260), 0.045, rng)
    return layout


def crosswalk(rng: Rng) -> Layout:
    """Pedestrians cross in the middle of a block, without a light."""
    builder, width = MapBuilder(), float(rng.uniform(3.1, 3.6))
    lanes = int(rng.integers(1, 3))
    line = gentle(rng, 360.0)
    ahead, back = road(builder, line, lanes, lanes, width, float(rng.uniform(8, 13)))
    builder.pave()
    layout = one_road_layout(
        builder,
        ahead,
        back,
        rng,
        cars=(6, 12),
        pedestrians=(5, 9),
        walks=walks(line, lanes * width),
    )
    cross_road(layout, line, int(rng.uniform(120, 170)), lanes * width)
    return layout


def lane_closure(rng: Rng) -> Layout:
    """Cones close the outer lane; its traffic changes over before them."""
    builder, width = MapBuilder(), float(rng.uniform(3.2, 3.7))
    line = gentle(rng, 420.0)
    ahead, back = road(builder, line, 2, 1, width, float(rng.uniform(9, 13)))
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
        walks=walks(line, 2 * width),
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
    width = float(rng.uniform(3.4, 3.75))
    lanes, limit = int(rng.integers(2, 4)), float(rng.uniform(15, 22))
    nose, end = float(rng.uniform(150, 180)), float(rng.uniform(300, 330))
    builder, ahead, joins, change = ramp_road(
        lanes, width, limit, nose, end, float(rng.uniform(0.12, 0.22))
    )
    routes = [*(builder.route([k]) for k in ahead), joins]
    spawn = [[(5.0, 430.0)] for _ in ahead] + [[(3.0, change - 25.0)]]
    ego = len(routes) - 1 if rng.random() < 0.5 else lanes - 1
    start_m = (20.0, 45.0) if ego == len(routes) - 1 else (60.0, 90.0)
    return Layout(
        builder, routes, spawn, ego, start_m, cars=(8, 15), pedestrians=(0, 0), gap_m=(4.0, 35.0)
    )
