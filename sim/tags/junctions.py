"""Tags of junctions, lights and crosswalks that the ego drives through or waits at.

A turn is protected where a light controls its connector (nuPlan's types of turns have no public rule:
its protected ones have signals), whichever side people drive on.
"""

import math

import torch
from jaxtyping import Bool
from torch import Tensor

from sim.tags.recorded import Recorded
from sim.tags.tag import Tag

TURN_RAD = 0.5
U_TURN_RAD = math.radians(150.0)
MOVING_MPS = 0.5
LINE_M = 10.0


def turns(
    r: Recorded, least_rad: float, most_rad: float, signal: bool | None = None
) -> Bool[Tensor, " t"]:
    """Whether the ego drives along a connector that turns so far to the left; with a light or without
    one, if that matters.
    """
    fits = r.is_connector & (r.turn_rad >= least_rad) & (r.turn_rad < most_rad)
    if signal is not None:
        fits = fits & (r.has_signal == signal)
    return (r.lanes & fits).any(dim=1) & (r.speed_mps > MOVING_MPS)


def _crossing(r: Recorded) -> Bool[Tensor, " t"]:
    return r.in_junction & (r.speed_mps > MOVING_MPS)


TAGS = (
    Tag("protected_left", "turns left in a junction with lights (0.5 rad or more)",
        lambda r: turns(r, TURN_RAD, U_TURN_RAD, True)),
    Tag("protected_right", "turns right in a junction with lights",
        lambda r: turns(r, -U_TURN_RAD, -TURN_RAD, True)),
    Tag("unprotected_left", "turns left in a junction without lights",
        lambda r: turns(r, TURN_RAD, U_TURN_RAD, False)),
    Tag("unprotected_right", "turns right in a junction without lights",
        lambda r: turns(r, -U_TURN_RAD, -TURN_RAD, False)),
    Tag("u_turn", "turns round: 150 degrees or more within a junction",
        lambda r: turns(r, U_TURN_RAD, torch.inf) | turns(r, -torch.inf, -U_TURN_RAD)),
    Tag("traversing_intersection", "moves within an intersection", _crossing),
    Tag("traversing_traffic_light_intersection", "moves along a connector with lights",
        lambda r: turns(r, -torch.inf, torch.inf, True)),
    Tag("stationary_at_traffic_light", "stands within 10 m of a line that a light closes",
        lambda r: (r.speed_mps.abs() < 0.1) & (r.red_gap_m < LINE_M)),
    Tag("traversing_crosswalk", "moves over a crosswalk",
        lambda r: r.on_crosswalk & (r.speed_mps > MOVING_MPS)),
)  # fmt: skip
