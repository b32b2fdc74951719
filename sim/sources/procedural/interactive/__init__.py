"""Families in which the ego has to deal with others: a goal, a time limit, and somebody in the way."""

from collections.abc import Callable

import numpy as np

from sim.sources.procedural.interactive import blocked, crossing, kerb, leading, merging
from sim.sources.procedural.layout import Layout

LAYOUTS: dict[str, Callable[[np.random.Generator], Layout]] = {
    "dense_merge": merging.dense_merge,
    "zipper": merging.zipper,
    "exit_lane": merging.exit_lane,
    "cut_in": merging.cut_in,
    "unprotected_left": crossing.unprotected_left,
    "dense_roundabout": crossing.dense_roundabout,
    "contested_stop": crossing.contested_stop,
    "light_runner": crossing.light_runner,
    "blocked_lane": blocked.blocked_lane,
    "blocked_multilane": blocked.blocked_multilane,
    "narrow_oncoming": blocked.narrow_oncoming,
    "cut_out": leading.cut_out,
    "hard_braking_leader": leading.hard_braking_leader,
    "slow_cyclist": leading.slow_cyclist,
    "parked_pedestrian": kerb.parked_pedestrian,
    "jaywalker": kerb.jaywalker,
    "pull_out": kerb.pull_out,
    "u_turn": kerb.u_turn,
}
