"""Whoever drives ahead: leaves the lane before something that stands, brakes hard, or is slow."""

import numpy as np

from sim.scenario import CueAction
from sim.sources.procedural.builder import MapBuilder
from sim.sources.procedural.layout import RUDE, Actor, Cue, Layout
from sim.sources.procedural.street import avenue, gentle, road, walks

Rng = np.random.Generator


def cut_out(rng: Rng) -> Layout:
    """The car ahead changes lanes at the last moment: behind it stands one, for a while or for good."""
    street = avenue(rng, lanes=(2, 4), limit_mps=(10.0, 16.0), length_m=420.0)
    builder, ahead, limit, lanes = street.builder, street.ahead, street.limit_mps, len(street.ahead)
    ego, start = int(rng.integers(lanes)), float(rng.uniform(50, 70))
    side = int(rng.choice([k for k in (ego - 1, ego + 1) if 0 <= k < lanes]))
    speed = limit * float(rng.uniform(0.75, 0.97))
    stands = start + float(rng.uniform(60, 90))
    leader = start + 5.5 + speed * float(rng.uniform(0.6, 1.4))
    length = speed * float(rng.uniform(2.3, 3.0))
    turns = stands - length - float(rng.uniform(2, 10))
    escapes = builder.change_route(ahead[ego], ahead[side], turns, length)
    own = builder.route([ahead[ego]])
    stays = rng.random() < 0.35
    goes_on = Cue(
        CueAction.START, own.path_m[0], reach_m=0.0,
        latest_s=60.0 if stays else float(rng.uniform(6, 11)),
    )  # fmt: skip
    kind = str(rng.choice(("vehicle.car", "van", "vehicle.truck"), p=(0.3, 0.4, 0.3)))
    routes = [builder.route([k]) for k in ahead]
    spawn = [[(5.0, 370.0)] for _ in ahead]
    spawn[ego] = [(5.0, start - 20.0), (stands + 25.0, 370.0)]
    return Layout(
        builder,
        routes,
        spawn,
        ego_route=ego,
        ego_start_m=(start, start),
        ego_speed_mps=speed,
        cars=(6, 16),
        pedestrians=(0, 2),
        gap_m=(2.0, float(rng.uniform(10, 50))),
        actors=[
            Actor(own, stands, 0.0, cue=goes_on),
            Actor(escapes, leader, speed, kind, RUDE | {"speed_factor": speed / limit}),
        ],
        spread="strong",
        ego_drives=escapes if stays else None,
        goal_line_m=builder.across(ahead[0], stands + 30.0),
        time_limit_s=float(rng.uniform(17, 20)),
    )


def hard_braking_leader(rng: Rng) -> Layout:
    """The car ahead brakes hard for no reason to be seen, and goes on later."""
    street = avenue(rng, lanes=(1, 3), limit_mps=(11.0, 17.0), length_m=460.0)
    builder, ahead, limit, lanes = street.builder, street.ahead, street.limit_mps, len(street.ahead)
    ego, start = int(rng.integers(lanes)), float(rng.uniform(50, 70))
    speed = limit * float(rng.uniform(0.8, 1.0))
    own = builder.route([ahead[ego]])
    reach = start + 5.0
    actors = []
    for _ in range(int(rng.integers(1, 3))):
        reach += speed * float(rng.uniform(0.45, 1.1))
        brakes = Cue(
            CueAction.BRAKE,
            own.path_m[int(start + rng.uniform(15, 60))],
            reach_m=float(rng.uniform(4, 8)),
            braking_mps2=float(rng.uniform(5.5, 8.0)),
            braking_s=float(rng.uniform(1.0, 3.5)),
        )
        actors.append(
            Actor(own, reach, speed, style=RUDE | {"speed_factor": speed / limit}, cue=brakes)
        )
        reach += 5.0
    return Layout(
        builder,
        [builder.route([k]) for k in ahead],
        [[(5.0, 420.0)] for _ in ahead],
        ego_route=ego,
        ego_start_m=(start, start),
        ego_speed_mps=speed,
        cars=(5, 14),
        pedestrians=(0, 2),
        gap_m=(0.0, 25.0),
        actors=actors,
        spread="strong",
        goal_line_m=builder.across(ahead[0], start + float(rng.uniform(6.5, 8.0)) * limit),
        time_limit_s=float(rng.uniform(16, 19)),
    )


def slow_cyclist(rng: Rng) -> Layout:
    """Someone on a bicycle ahead, cars the other way: behind it the ego comes too late."""
    builder, width = MapBuilder(), float(rng.uniform(3.1, 3.9))
    limit = float(rng.uniform(9, 13))
    line = gentle(rng, 460.0)
    (mine,), (other,) = road(builder, line, 1, 1, width, limit)
    builder.pave()
    start = float(rng.uniform(50, 70))
    rides = start + float(rng.uniform(18, 40))
    aside = -float(
        rng.uniform(0.0, 0.6)
    )  # to the right of the middle: often too little to squeeze by
    shifted = builder.bypass_route(mine, 0.0, 460.0, aside)
    pace = float(rng.uniform(3.0, 5.0))
    passes = builder.bypass_route(mine, rides + 12.0, rides + 75.0, float(rng.uniform(2.2, 2.9)))
    return Layout(
        builder,
        [builder.route([mine]), builder.route([other])],
        [[(5.0, start - 12.0), (rides + 40.0, 420.0)], [(5.0, 420.0)]],
        ego_route=0,
        ego_start_m=(start, start),
        cars=(4, 13),
        pedestrians=(0, 4),
        walks=walks(line, width),
        gap_m=(0.0, float(rng.uniform(15, 90))),
        weight=[1.0, 3.0],
        actors=[Actor(shifted, rides, pace, "vehicle.bicycle", {"speed_factor": pace / limit})],
        spread="strong",
        ego_drives=passes,
        goal_line_m=builder.across(mine, start + float(rng.uniform(125, 150))),
        time_limit_s=float(rng.uniform(17, 20)),
    )
