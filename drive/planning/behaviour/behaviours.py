"""What a trajectory does: keeps its lane, changes it, stops, turns, nudges (Sadat et al. 2019)."""

from enum import IntEnum

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from drive.planning.samplers.frenet import Courses, FrenetSampler
from sim.interface import Observation

_STANDS_MPS = 0.5
_ASIDE_M = 0.6  # beyond where it began: who goes farther from its lane's middle than that nudges
_TURNS_RAD = 0.5


class Behaviour(IntEnum):
    """The coarse level of a decision."""

    KEEP = 0
    CHANGE_LEFT = 1
    CHANGE_RIGHT = 2
    STOP = 3  # stands at the end
    TURN = 4  # with the route
    NUDGE = 5  # aside, and back to its lane or not yet, but into no other


def sampled(observation: Observation) -> Courses:
    """Candidates of all behaviours: along the route, beside it, into other lanes, aside and back."""
    return FrenetSampler(nudges=True).courses(observation)


def behaviours_of(courses: Courses) -> Int[Tensor, "b k"]:
    """The `Behaviour` of each candidate; what holds of several: a stop, a change, a nudge, a turn."""
    end = courses.candidates.trajectory[:, :, -1]
    begins = _lane_at(courses, courses.start_m.unsqueeze(1))
    ends = _lane_at(courses, courses.offset_m[:, :, -1])
    own_m = torch.gather(courses.lane_m, 1, begins)
    across_m = torch.gather(courses.lane_m, 1, ends) - own_m
    aside_m = (courses.offset_m - own_m.unsqueeze(2)).abs().amax(dim=2)
    nudges = aside_m > (courses.start_m.unsqueeze(1) - own_m).abs() + _ASIDE_M
    does = (
        (Behaviour.TURN, end[..., 2].abs() > _TURNS_RAD),
        (Behaviour.NUDGE, nudges),
        (Behaviour.CHANGE_LEFT, across_m > 0.0),
        (Behaviour.CHANGE_RIGHT, across_m < 0.0),
        (Behaviour.STOP, end[..., 3] < _STANDS_MPS),
    )
    out = torch.full_like(ends, int(Behaviour.KEEP))
    for behaviour, holds in does:
        out = torch.where(holds, int(behaviour), out)
    return out


def best_of_each(
    cost: Float[Tensor, "b k"], valid: Bool[Tensor, "b k"], behaviour: Int[Tensor, "b k"]
) -> tuple[Int[Tensor, "b h"], Float[Tensor, "b h"]]:
    """The cheapest candidate of each behaviour, and its cost; inf where nothing valid does that."""
    kinds = torch.arange(len(Behaviour), device=cost.device)
    does = (behaviour.unsqueeze(1) == kinds[:, None]) & valid.unsqueeze(1)
    least = torch.where(does, cost.unsqueeze(1), torch.inf).min(dim=2)
    return least.indices, least.values


def _lane_at(courses: Courses, offset_m: Float[Tensor, "b k"]) -> Int[Tensor, "b k"]:
    """The lane whose middle is nearest."""
    gap_m = (offset_m.unsqueeze(2) - courses.lane_m.unsqueeze(1)).abs()
    return torch.where(courses.lane_valid.unsqueeze(1), gap_m, torch.inf).argmin(dim=2)
