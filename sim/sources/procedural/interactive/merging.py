"""Into another lane, or others into the ego's: dense merge, zipper, exit, cut-in."""

import numpy as np

from sim.geometry import polyline
from sim.scenario import CueAction
from sim.sources.procedural.builder import MapBuilder
from sim.sources.procedural.layout import RUDE, Actor, Cue, Layout
from sim.sources.procedural.street import avenue, gentle, ramp_road, road

Rng = np.random.Generator


def dense_merge(rng: Rng) -> Layout:
    """The ego is on a ramp that joins a dense road; the ramp ends."""
    width, lanes, limit = (
        float(rng.uniform(3.4, 3.75)),
        int(rng.integers(1, 4)),
        rng.uniform(12, 20),
    )
    nose = float(rng.uniform(120, 140))
    end = nose + float(rng.uniform(70, 120))
    builder, ahead, joins, change = ramp_road(
        lanes, width, float(limit), nose, end, float(rng.uniform(0.1, 0.22))
    )
    routes = [*(builder.route([k]) for k in ahead), joins]
    start = float(rng.uniform(30, 60))
    return Layout(
        builder,
        routes,
        [[(5.0, 430.0)] for _ in ahead] + [[(3.0, change - 25.0)]],
        ego_route=len(routes) - 1,
        ego_start_m=(start, start),
        cars=(18, 26),
        pedestrians=(0, 0),
        gap_m=(0.0, float(rng.uniform(2, 25))),
        time_gap_s=float(rng.uniform(0.8, 1.2)),
        speed_factor=float(rng.uniform(0.5, 0.95)),
        weight=[1.0] * (lanes - 1) + [float(rng.uniform(2, 5)), 0.5],
        spread="strong",
        goal_line_m=builder.across(ahead[0], end + 40.0),
        time_limit_s=float(rng.uniform(17, 20)),
    )


def zipper(rng: Rng) -> Layout:
    """Two dense lanes become one; who is next to go is a matter between neighbours."""
    builder, width = MapBuilder(), float(rng.uniform(3.2, 3.7))
    limit = float(rng.uniform(8, 13))
    line, cut = gentle(rng, 430.0), int(rng.uniform(170, 200))
    taper = int(rng.uniform(25, 45))
    first, _ = road(builder, line[: cut + 1], 2, 0, width, limit)
    keeps = int(rng.integers(2))  # which lane goes on: the left (0) or the right one
    kept = polyline.offset(line[cut:], -(keeps + 0.5) * width)
    through = builder.add_lane(kept[: taper + 1], width, limit)
    onward = builder.add_lane(kept[taper:], width, limit)
    builder.connect(first[keeps], through)
    builder.connect(through, onward)
    tapering = builder.connector(first[1 - keeps], onward, width, limit, 30)
    builder.pave(rounding_m=1.0)
    routes = [
        builder.route([first[keeps], through, onward]),
        builder.route([first[1 - keeps], tapering, onward]),
    ]
    ego, start = int(rng.random() < 0.65), cut - float(rng.uniform(20, 50))
    return Layout(
        builder,
        routes,
        [[(5.0, 380.0)], [(5.0, cut - 5.0)]],
        ego_route=ego,
        ego_start_m=(start, start),
        cars=(16, 24),
        pedestrians=(0, 2),
        gap_m=(0.0, float(rng.uniform(1, 12))),
        time_gap_s=float(rng.uniform(0.8, 1.1)),
        speed_factor=float(rng.uniform(0.4, 0.8)),
        spread="strong",
        goal_line_m=builder.across(onward, float(rng.uniform(10, 25))),
        time_limit_s=float(rng.uniform(17, 20)),
    )


def exit_lane(rng: Rng) -> Layout:
    """The right lane leaves the road; the ego has to be in it, others have to get in or out."""
    builder, width = MapBuilder(), float(rng.uniform(3.4, 3.75))
    lanes, limit = int(rng.integers(2, 4)), float(rng.uniform(11, 17))
    line, cut = gentle(rng, 430.0), int(rng.uniform(190, 215))
    before, _ = road(builder, line[: cut + 1], lanes, 0, width, limit)
    after, _ = road(builder, line[cut:], lanes - 1, 0, width, limit)
    for a, b in zip(before, after, strict=False):
        builder.connect(a, b)
    leaves = _exit_ramp(builder, before[-1], width, limit, float(rng.uniform(25, 60)))
    builder.pave(rounding_m=1.0)
    must_change = rng.random() < 0.55
    start = cut - float(rng.uniform(110, 135) if must_change else rng.uniform(80, 120))
    straight = [builder.route([a, b]) for a, b in zip(before, after, strict=False)]
    exits, onward = builder.route([before[-1], leaves]), straight[-1]
    # The last two have to change lanes: out of the exit lane, and into it.
    routes = [*straight, exits, onward, exits]
    in_exit, gets_out, gets_in = len(straight), len(straight) + 1, len(straight) + 2
    spawn = [[(5.0, 380.0)] for _ in straight] + [[(5.0, cut - 5.0)]] + [[(5.0, start + 30.0)]] * 2
    return Layout(
        builder,
        routes,
        spawn,
        starts_on={gets_out: in_exit, gets_in: len(straight) - 1},
        ego_route=gets_in if must_change else in_exit,
        ego_start_m=(start, start),
        cars=(16, 26),
        pedestrians=(0, 0),
        gap_m=(0.0, float(rng.uniform(2, 25))),
        time_gap_s=float(rng.uniform(0.8, 1.2)),
        speed_factor=float(rng.uniform(0.6, 0.95)),
        weight=[1.0] * (len(straight) - 1) + [2.0, 2.5, 1.5, 1.5],
        spread="strong",
        goal_line_m=builder.across(leaves, 30.0),
        time_limit_s=float(rng.uniform(17, 20)),
    )


def _exit_ramp(
    builder: MapBuilder, lane: int, width_m: float, limit_mps: float, radius_m: float
) -> int:
    """A lane that goes on from another and bends away to the right; its number."""
    line = builder.lanes[lane].centerline_m.astype(np.float64)
    yaw = np.arctan2(*(line[-1] - line[-2])[::-1])
    curvature = np.full(140, 0.0)
    curvature[8 : 8 + int(0.5 * radius_m)] = -1.0 / radius_m
    heading = yaw + np.cumsum(np.convolve(curvature, np.ones(9) / 9, mode="same"))
    steps = np.stack((np.cos(heading), np.sin(heading)), axis=-1)
    ramp = np.concatenate((line[-1:], line[-1] + np.cumsum(steps, axis=0)))
    leaves = builder.add_lane(ramp, width_m, limit_mps)
    builder.connect(lane, leaves)
    return leaves


def cut_in(rng: Rng) -> Layout:
    """Someone slower comes over close in front of the ego, and may brake once there."""
    street = avenue(rng, lanes=(2, 4), limit_mps=(11.0, 17.0), length_m=420.0)
    builder, ahead, limit, lanes = street.builder, street.ahead, street.limit_mps, len(street.ahead)
    ego, start = int(rng.integers(lanes)), float(rng.uniform(40, 70))
    speed = limit * float(rng.uniform(0.75, 0.98))
    sides = [k for k in (ego - 1, ego + 1) if 0 <= k < lanes]
    actors, place = [], start
    for _ in range(int(rng.integers(1, 3))):
        place += float(rng.uniform(5.0, 11))
        actors.append(
            _intruder(rng, builder, ahead[int(rng.choice(sides))], ahead[ego], place, speed)
        )
        place += float(rng.uniform(20, 40))
    routes = [builder.route([k]) for k in ahead]
    layout = Layout(
        builder,
        routes,
        [[(5.0, 380.0)] for _ in routes],
        ego_route=ego,
        ego_start_m=(start, start),
        ego_speed_mps=speed,
        cars=(8, 18),
        pedestrians=(0, 2),
        gap_m=(2.0, 25.0),
        actors=actors,
        spread="strong",
        goal_line_m=builder.across(ahead[0], start + 12.0 * limit),
    )
    layout.allow(12.0 * limit, float(rng.uniform(1.0, 4.5)))
    return layout


def _intruder(
    rng: Rng, builder: MapBuilder, lane: int, into: int, start_m: float, speed_mps: float
) -> Actor:
    """Someone who soon changes lanes, without asking, slows down there, and may brake hard."""
    begins = start_m + float(rng.uniform(2, 20))
    route = builder.change_route(lane, into, begins, speed_mps * float(rng.uniform(2.3, 3.8)))
    brakes = Cue(
        CueAction.BRAKE,
        builder.lanes[into].centerline_m[int(begins) + 15],
        reach_m=float(rng.uniform(4, 12)),
        braking_mps2=float(rng.uniform(4, 8)),
        braking_s=float(rng.uniform(0.8, 2.5)),
    )
    limit = builder.lanes[into].speed_limit_mps
    slower = speed_mps / limit * float(rng.uniform(0.35, 0.9))
    return Actor(
        route,
        start_m,
        speed_mps * float(rng.uniform(0.85, 1.0)),
        str(rng.choice(("vehicle.car", "van", "vehicle.truck"), p=(0.7, 0.2, 0.1))),
        RUDE | {"speed_factor": slower},
        brakes if rng.random() < 0.7 else None,
    )
