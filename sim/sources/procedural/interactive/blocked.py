"""Something stands in the way: on one lane with oncoming traffic, on several lanes, on both sides."""

import numpy as np

from sim.geometry import polyline
from sim.sources.procedural.builder import MapBuilder, smoothstep, strip
from sim.sources.procedural.layout import Actor, Layout, Spot
from sim.sources.procedural.street import avenue, gentle, road, walks

Array = np.ndarray
Rng = np.random.Generator

_VEHICLE_WIDTH_M = {"vehicle.car": 1.9, "van": 2.05, "vehicle.truck": 2.45}


def blocked_lane(rng: Rng) -> Layout:
    """One lane each way; something stands in the ego's, and cars come towards it."""
    builder, width = MapBuilder(), float(rng.uniform(3.2, 3.8))
    limit = float(rng.uniform(8, 12))
    line = gentle(rng, 460.0)
    (mine,), (other,) = road(builder, line, 1, 1, width, limit)
    builder.pave()
    start = float(rng.uniform(60, 80))
    at = start + float(rng.uniform(45, 70))
    spots, length = _obstacle(rng, builder.lanes[mine].centerline_m, at, width)
    evades = builder.bypass_route(mine, at - 6.0, at + length + 6.0, float(rng.uniform(2.6, 3.2)))
    routes = [builder.route([mine]), evades, builder.route([other])]
    return Layout(
        builder,
        routes,
        [[(0.0, 1.0)], [(5.0, at - 25.0), (at + length + 30.0, 400.0)], [(5.0, 440.0)]],
        ego_route=0,
        ego_start_m=(start, start),
        spots=spots,
        cars=(5, 14),
        pedestrians=(0, 3),
        walks=walks(line, width),
        gap_m=(0.0, float(rng.uniform(20, 110))),
        weight=[0.0, 1.0, 2.5],
        spread="strong",
        ego_drives=evades,
        goal_line_m=builder.across(mine, at + length + float(rng.uniform(25, 40))),
        time_limit_s=float(rng.uniform(17, 20)),
    )


def blocked_multilane(rng: Rng) -> Layout:
    """Several lanes; something stands in one of them, and its traffic has to get into the next."""
    street = avenue(rng, lanes=(2, 4), limit_mps=(9.0, 15.0), length_m=440.0)
    builder, ahead, lanes, width = street.builder, street.ahead, len(street.ahead), street.width_m
    start = float(rng.uniform(60, 80))
    at = start + float(rng.uniform(75, 100))
    closed = int(rng.choice((0, lanes - 1)))
    beside = closed + (1 if closed == 0 else -1)
    ego = closed if rng.random() < 0.6 else beside
    left = closed == 0  # the obstacle is nearer to the outer edge of the lane
    spots, length = _obstacle(rng, builder.lanes[ahead[closed]].centerline_m, at, width, left)
    change = at - float(rng.uniform(65, 80))
    evades = builder.change_route(ahead[closed], ahead[beside], change, 40.0)
    routes = [*(builder.route([k]) for k in ahead), evades]
    spawn = [[(5.0, 400.0)] for _ in ahead] + [[(5.0, change - 5.0)]]
    spawn[closed] = [(at + length + 20.0, 400.0)]
    weight = [1.0] * lanes + [1.5]
    weight[beside] = 2.0
    weight[closed] = 0.3
    return Layout(
        builder,
        routes,
        spawn,
        ego_route=ego,
        ego_start_m=(start, start),
        spots=spots,
        cars=(12, 22),
        pedestrians=(0, 2),
        walks=walks(street.line, lanes * width),
        gap_m=(0.0, float(rng.uniform(2, 30))),
        time_gap_s=float(rng.uniform(0.8, 1.2)),
        speed_factor=float(rng.uniform(0.6, 0.95)),
        weight=weight,
        spread="strong",
        ego_drives=evades if ego == closed else None,
        goal_line_m=builder.across(ahead[0], at + length + float(rng.uniform(25, 40))),
        time_limit_s=float(rng.uniform(17, 20)),
    )


def _obstacle(
    rng: Rng, lane_m: Array, at_m: float, width_m: float, left: bool = False
) -> tuple[list[Spot], float]:
    """A double-parked vehicle or roadworks from `at_m` on; and how long it is.

    It stands at the right edge of the lane (or at the left one); its inner edge lies up to 1.6 m short
    of the lane's middle, or up to 0.9 m beyond it.
    """
    side = -1.0 if left else 1.0  # from the middle of the lane to the edge where it stands
    reach = float(rng.uniform(-1.6, 0.9))  # of its inner edge beyond the middle
    if rng.random() < 0.6:
        category = str(rng.choice(("vehicle.car", "van", "vehicle.truck"), p=(0.5, 0.3, 0.2)))
        shift = side * (reach - 0.5 * _VEHICLE_WIDTH_M[category])
        spot = _spot(lane_m, at_m + 4.0, shift, category, float(rng.normal(0, 0.03)))
        return [spot], 8.0
    length = float(rng.uniform(10, 24))
    spots = []
    for k, s in enumerate(np.arange(0.0, length, 4.0)):
        edge = min(reach, -0.5 * width_m + 0.35 + 1.2 * k)  # a taper, then along the inner edge
        spots.append(_spot(lane_m, at_m + s, side * (edge - 0.2), "movable_object.trafficcone"))
    barrier = side * (min(reach, 0.0) - 1.3)
    spots.append(_spot(lane_m, at_m + 0.6 * length, barrier, "movable_object.barrier"))
    return spots, length


def _spot(line_m: Array, s_m: float, left_m: float, category: str, turn_rad: float = 0.0) -> Spot:
    """`left_m` to the left of a line, along it."""
    line = line_m.astype(np.float64)
    here, ahead = polyline.at(line, np.array((s_m, s_m + 1.0)))
    yaw = float(polyline.heading_rad(ahead - here))
    x, y = here + left_m * np.array((-np.sin(yaw), np.cos(yaw)))
    return Spot(float(x), float(y), yaw + turn_rad, category)


def narrow_oncoming(rng: Rng) -> Layout:
    """Parked cars on both sides leave room for one; someone comes the other way."""
    builder, width = MapBuilder(), float(rng.uniform(2.9, 3.3))
    limit = float(rng.uniform(7, 10))
    line = gentle(rng, 380.0)
    start = float(rng.uniform(60, 80))
    begins = start + float(rng.uniform(35, 60))
    ends = begins + float(rng.uniform(18, 45))
    room = float(rng.uniform(3.1, 4.4))  # between the parked cars
    squeeze = _between(len(line), begins, ends)
    aside = 0.5 * width * (1.0 - squeeze) + 0.1 * squeeze
    ahead = builder.add_lane(polyline.offset(line, -aside), width, limit)
    back = builder.add_lane(polyline.offset(line, aside)[::-1], width, limit)
    kerb = 0.5 * room + 2.2
    builder.pave(extra=[strip(line, max(kerb, width + 0.6))])
    layout = Layout(
        builder,
        [builder.route([ahead]), builder.route([back])],
        [[(5.0, start - 15.0), (ends + 25.0, 330.0)], [(5.0, 330.0)]],
        ego_route=0,
        ego_start_m=(start, start),
        cars=(2, 7),
        pedestrians=(0, 4),
        walks=walks(line, kerb),
        gap_m=(5.0, 60.0),
        spread="strong",
        goal_line_m=builder.across(ahead, ends + 25.0),
        time_limit_s=float(rng.uniform(17, 20)),
    )
    for side in (-1.0, 1.0):
        for s in np.arange(begins + 3.0, ends - 2.0, 6.2):
            if rng.random() < 0.85:
                turn = (0.0 if side < 0 else np.pi) + rng.normal(0, 0.01)
                shift = side * (0.5 * room + 0.95)
                layout.spots.append(
                    _spot(line, float(s + rng.uniform(-0.3, 0.3)), shift, "vehicle.car", turn)
                )
    gap = begins - start + float(rng.uniform(-15, 20))  # of the other from its end of the passage
    length = float(len(line) - 1)
    other = layout.routes[1]
    for behind in range(int(rng.integers(1, 3))):
        place = length - ends - gap - behind * float(rng.uniform(9, 20))
        style = {"yields": float(rng.choice((0, 1, 2), p=(0.25, 0.25, 0.5)))}
        if place > 5.0:
            layout.actors.append(
                Actor(other, place, limit * float(rng.uniform(0.6, 0.9)), style=style)
            )
    return layout


def _between(count: int, begins_m: float, ends_m: float) -> Array:
    """1 between two places along a line of `count` vertices, rising and falling over 20 m beside them."""
    s = np.arange(count)
    return smoothstep((s - begins_m) / 20.0 + 1.0) * smoothstep((ends_m - s) / 20.0 + 1.0)
