"""Whom a driver keeps behind: who is in its strip, who is about to step in, and whom it lets in."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sim import trees
from sim.compiling import materialize
from sim.traffic.corridor import Corridor
from sim.traffic.driver_styles import DriverStyles
from sim.traffic.drivers import Place
from sim.traffic.idm_law import crowding_of, idm_acceleration, kept_back
from sim.traffic.lane_changing import Wishes
from sim.traffic.walking import Walkers
from sim.world import WorldState

HARDEST_BRAKING_MPS2 = 8.0
SIDE_MARGIN_M = 0.25
PEDESTRIAN_HORIZON_S = 3.0
LETS_IN = 0.35  # politeness from which a driver lets others in
CLOSES_GAP = 0.15  # politeness below which it keeps them out
LETTING_IN_MPS2 = 1.5  # braking for that, at most
CLOSING_MPS2 = 1.0  # by which those accelerate more than they would, at most
_NUDGE_HORIZON_S = 2.0
_NUDGE_MPS = 0.25
_IN_FRONT_M = 30.0
_SAME_LANE_M = 1.3


@dataclass(frozen=True)
class Following:
    """What follows from those ahead, `[B, D]`: an acceleration, and the one next on the path."""

    acceleration_mps2: Float[Tensor, "b d"]
    gap_m: Float[Tensor, "b d"]  # inf: nobody
    speed_mps: Float[Tensor, "b d"]  # of whoever is next


def follow(
    state: WorldState,
    corridor: Corridor,
    styles: DriverStyles,
    place: Place,
    wishes: Wishes | None,
    walkers: Walkers | None,
    on_foot: Corridor | None,
) -> Following:
    """Keep behind everybody who is in the way; be kind, or not, to those who want to be.

    `on_foot`: what drivers meet of the `walkers`.
    """
    blocks = corridor.offset_m.abs() < corridor.reach_m + SIDE_MARGIN_M
    if walkers is not None and on_foot is not None:
        (steps_in,) = materialize(_steps_in(state, walkers, on_foot, place, styles))
        blocks = blocks | walkers.spread(steps_in)
    blocks = blocks & (corridor.gap_m > -0.5 * place.size_m[..., :1])
    (gap_m,) = materialize(torch.where(blocks, corridor.gap_m, torch.inf))
    nobody = gap_m == torch.inf
    lead_mps = torch.where(nobody, 0.0, corridor.along_mps).clamp(min=0.0)
    law = trees.map_tensors(lambda value: value.unsqueeze(2), styles.law)
    crowding = crowding_of(place.speed_mps.unsqueeze(2), gap_m, lead_mps, law).amax(dim=2)
    lead = kept_back(place.speed_mps, place.cruise_mps, crowding, styles.law)
    following = Following(lead, *_next(gap_m, corridor))
    if wishes is None:
        return following
    merging = _moving_in(corridor, wishes) & nobody
    (gap_m,) = materialize(torch.where(merging, corridor.gap_m, torch.inf))
    wanted = _answered(following, *_next(gap_m, corridor), styles, place)
    return replace(following, acceleration_mps2=wanted)


def _answered(
    following: Following,
    gap_m: Float[Tensor, "b d"],
    their_mps: Float[Tensor, "b d"],
    styles: DriverStyles,
    place: Place,
) -> Float[Tensor, "b d"]:
    """The acceleration in view of somebody who wants to come in: kind drivers let it, others do not."""
    speed, cruise, lead = place.speed_mps, place.cruise_mps, following.acceleration_mps2
    behind = idm_acceleration(speed, cruise, gap_m.clamp(min=0.5), their_mps, styles.law)
    behind = torch.minimum(lead, behind.clamp(min=-LETTING_IN_MPS2))
    close = idm_acceleration(
        speed, cruise, following.gap_m, following.speed_mps.clamp(min=0.0), styles.hurried_law
    )
    close = torch.maximum(lead, torch.minimum(close, lead + CLOSING_MPS2))
    wanted = torch.where(styles.politeness >= LETS_IN, behind, lead)
    closes = torch.isfinite(gap_m) & (styles.politeness < CLOSES_GAP)
    return torch.where(closes, close, wanted)


def _next(
    gap_m: Float[Tensor, "b d n"], corridor: Corridor
) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]:
    """The least gap, and the speed of who is there; inf and 0: nobody."""
    (nearest,) = materialize(gap_m.amin(dim=2))
    there = gap_m == nearest.unsqueeze(2)
    speed = torch.where(there, corridor.along_mps, torch.inf).amin(dim=2)
    return nearest, torch.where(torch.isfinite(nearest), speed, 0.0)


def _moving_in(corridor: Corridor, wishes: Wishes) -> Bool[Tensor, "b d n"]:
    """Who is beside or ahead, and has to change to this path, or comes over to it already."""
    offset = corridor.offset_m.abs() - corridor.reach_m
    towards = torch.where(corridor.offset_m > 0.0, -corridor.across_mps, corridor.across_mps)
    nudges = (towards > _NUDGE_MPS) & (offset < towards * _NUDGE_HORIZON_S)
    nudges = nudges & (corridor.along_mps > 0.0)
    lands_m = (corridor.offset_m + wishes.shift_m.unsqueeze(1)).abs()
    wants = wishes.wants.unsqueeze(1) & (lands_m < _SAME_LANE_M) & (offset < torch.inf)
    half_length_m = 0.5 * wishes.length_m.unsqueeze(1)
    in_front = (corridor.gap_m > -half_length_m) & (corridor.gap_m < _IN_FRONT_M)
    return in_front & (nudges | wants)


def _steps_in(
    state: WorldState, walkers: Walkers, on_foot: Corridor, place: Place, styles: DriverStyles
) -> Bool[Tensor, "b d w"]:
    """Who on foot is about to step into the strip of a driver, who can still stop.

    Who waits at the kerb does not step in; kind drivers stop for it where that is no trouble.
    """
    speed, length = place.speed_mps.unsqueeze(2), place.size_m[..., :1]
    approach = torch.where(on_foot.offset_m > 0.0, -on_foot.across_mps, on_foot.across_mps)
    beside_m = on_foot.offset_m.abs() - (on_foot.reach_m + SIDE_MARGIN_M)
    enters_s = beside_m / approach.clamp(min=0.1)
    arrives_s = on_foot.gap_m / speed.clamp(min=1.0)
    passes_s = arrives_s + (length + 2.0) / speed.clamp(min=1.0)
    steps_in = (approach > 0.3) & (enters_s < PEDESTRIAN_HORIZON_S + 1.0)
    steps_in = steps_in & (enters_s < passes_s + 0.5)
    steps_in = steps_in & (enters_s < arrives_s + PEDESTRIAN_HORIZON_S)
    at_kerb = (walkers.pick(state.waited_s) > 0.0).unsqueeze(1)
    braking = torch.where(at_kerb, LETTING_IN_MPS2, HARDEST_BRAKING_MPS2)
    stoppable = on_foot.gap_m > speed**2 / (2.0 * braking)
    lets_in = (styles.politeness >= LETS_IN).unsqueeze(2)
    return steps_in & stoppable & (~at_kerb | lets_in)
