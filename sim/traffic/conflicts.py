"""Who waits for whom where paths cross or merge: right of way, gaps, and no blocking of the box."""

from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim import trees
from sim.compiling import materialize
from sim.scenario import Yielding
from sim.traffic.path_relations import CROSSES, MERGES, NO_ZONE, DriverZones
from sim.traffic.storing import stored

Tree = TypeVar("Tree")

LOOK_AHEAD_M = 60.0
ACCELERATION_MPS2 = 1.5  # assumed when times of arrival are guessed
GO_AFTER_S = 0.3
LATE_BRAKING_MPS2 = 4.0  # who yields late has not seen the other before it takes so much to stop
CANNOT_STOP_MPS2 = 6.0
IMPATIENCE_S = 6.0  # each such spell of standing outweighs one class of right of way
_IMPATIENCE_RANK = 20
_INSIDE_RANK = 1000
_STANDING_MPS = 1.0
_CLEAR_BOX_M = 1.0
_LATE_M = 3.0
# Plain ints: compiled, a tensor compared with an enum's member is silently False.
_NEVER, _LATE = int(Yielding.NEVER), int(Yielding.LATE)


@dataclass(frozen=True)
class Driver:
    """What is known of each driver `[B, D]`, or of both of each zone `[B, 2, E]`."""

    s_m: Float[Tensor, "b *k"]
    speed_mps: Float[Tensor, "b *k"]
    cruise_mps: Float[Tensor, "b *k"]
    length_m: Float[Tensor, "b *k"]
    present: Bool[Tensor, "b *k"]
    closed_s_m: Float[Tensor, "b *k"]  # the line that a light closes; inf: none
    lead_gap_m: Float[Tensor, "b *k"]  # to whoever is next on the path; inf: nobody
    lead_speed_mps: Float[Tensor, "b *k"]
    margin_s: Float[Tensor, "b *k"]  # left between being out of the way and the other's arrival
    yields: Int[Tensor, "b *k"]  # Yielding

    def at(self, zones: DriverZones) -> "Driver":
        """Those of each zone."""
        return stored(trees.map_tensors(zones.of_driver, self))


@dataclass(frozen=True)
class Yield:
    """How far each driver may go (`stop_gap_m`, from its front), and whom it lets in before it."""

    stop_gap_m: Float[Tensor, "b d"]
    virtual_gap_m: Float[Tensor, "b 2 e"]  # to a car that merges first; inf: none
    virtual_speed_mps: Float[Tensor, "b 2 e"]  # of whoever is on the other path


def travel_time_s(distance_m: Tensor, speed_mps: Tensor, cruise_mps: Tensor) -> Tensor:
    """Time to cover a distance when accelerating gently up to the cruising speed."""
    end = torch.sqrt(speed_mps**2 + 2.0 * ACCELERATION_MPS2 * distance_m.clamp(min=0.0))
    end = torch.maximum(torch.minimum(end, cruise_mps), speed_mps)
    return 2.0 * distance_m.clamp(min=0.0) / (speed_mps + end).clamp(min=0.1)


def yield_to_others(
    zones: DriverZones, driver: Driver, agent: Int[Tensor, "b d"], waited_s: Float[Tensor, "b d"]
) -> Yield:
    """Decide every pair of drivers whose paths conflict, in every zone ahead of both."""
    me = driver.at(zones)
    mine = stored(_Approach.of(me, zones.enter_m, zones.leave_m))
    other, their_mps, their_m = _of_other(mine), me.speed_mps.flip(1), me.length_m.flip(1)
    live = zones.valid & me.present & me.present.flip(1)
    live = live & (mine.to_enter_m > 0.0) & (mine.to_enter_m < LOOK_AHEAD_M)
    live = live & (other.to_leave_m > 0.0) & (other.to_enter_m < LOOK_AHEAD_M)
    inside = other.to_enter_m <= 0.0
    they_clear = other.leave_s + GO_AFTER_S < mine.enter_s
    i_clear = mine.leave_s + me.margin_s < other.enter_s
    (kind,) = materialize(torch.where(live, zones.kind, NO_ZONE))
    crossing, merging = kind == CROSSES, kind == MERGES
    nearest = _Nearest.of(zones, driver, mine, crossing)
    turn_s = nearest.arrival_s - waited_s + 1e-3 * agent
    spells = torch.floor(waited_s / IMPATIENCE_S) * _IMPATIENCE_RANK
    spells = spells + _INSIDE_RANK * nearest.inside
    slow = me.speed_mps < _STANDING_MPS
    i_first = _goes_first(zones, turn_s, spells, slow & slow.flip(1))
    stoppable = mine.to_enter_m > me.speed_mps**2 / (2.0 * CANNOT_STOP_MPS2)
    too_far = mine.to_enter_m > me.speed_mps**2 / (2.0 * LATE_BRAKING_MPS2) + _LATE_M
    minds = (me.yields != _NEVER) & ((me.yields != _LATE) | ~too_far)

    contested = ~inside & ~other.blocked & ~they_clear & ~i_clear & ~i_first & stoppable & minds
    blocks_box = _would_block_box(me, zones.leave_m) & minds
    wait = crossing & ((inside & ~they_clear) | contested | blocks_box)

    virtual_gap = mine.to_enter_m - other.to_enter_m - their_m
    squeezed = ~_fits_in_front(mine, other, me, their_mps)
    follow = merging & (inside | (~other.blocked & ~i_first & squeezed & minds))
    beside = follow & (virtual_gap < 1.0) & (inside | stoppable)
    stop_m, gap_m, merge_m = materialize(
        torch.where(wait | beside, mine.to_enter_m, torch.inf),
        torch.where(follow, virtual_gap, torch.inf),
        torch.where(beside, zones.enter_m, torch.inf),
    )
    # Who has nobody to cross before the merge rolls up to it; others leave the junction free.
    stays_out = zones.of_driver(nearest.crosses_m) > merge_m
    return Yield(
        stop_gap_m=zones.least(stop_m, driver.s_m),
        virtual_gap_m=torch.where(stays_out, torch.inf, gap_m),
        virtual_speed_mps=their_mps,
    )


def _of_other(per_zone: Tree) -> Tree:
    return trees.map_tensors(lambda value: value.flip(1), per_zone)


@dataclass(frozen=True)
class _Approach:
    """Distance and time to the start and the end of each zone, `[B, 2, E]`."""

    to_enter_m: Tensor
    to_leave_m: Tensor
    enter_s: Tensor
    leave_s: Tensor
    blocked: Tensor  # a red light, or a standing car, keeps it from the zone

    @staticmethod
    def of(driver: Driver, enter_m: Tensor, leave_m: Tensor) -> "_Approach":
        to_enter = enter_m - (driver.s_m + 0.5 * driver.length_m)
        to_leave = leave_m - (driver.s_m - 0.5 * driver.length_m)
        held = driver.lead_gap_m < to_enter.clamp(max=8.0)
        held = held & (driver.lead_speed_mps < 0.5) & (driver.speed_mps < _STANDING_MPS)
        return _Approach(
            to_enter_m=to_enter,
            to_leave_m=to_leave,
            enter_s=travel_time_s(to_enter, driver.speed_mps, driver.cruise_mps),
            leave_s=travel_time_s(to_leave, driver.speed_mps, driver.cruise_mps),
            blocked=(driver.closed_s_m < enter_m + 1.0) | held,
        )


@dataclass(frozen=True)
class _Nearest:
    """The nearest of each driver's zones, `[B, D]`; found together, which is cheaper."""

    arrival_s: Tensor  # at the first one ahead
    inside: Tensor  # whether it is in one that crosses another path
    crosses_m: Tensor  # where it first crosses someone who is near; inf: nobody

    @staticmethod
    def of(zones: DriverZones, driver: Driver, mine: _Approach, crossing: Tensor) -> "_Nearest":
        ahead = zones.valid & (mine.to_enter_m > 0.0)
        in_zone = zones.valid & ~ahead & (mine.to_leave_m > 0.0) & ~zones.merges
        each = torch.stack(
            (
                torch.where(ahead, mine.enter_s, 1e3),
                torch.where(in_zone, 0.0, torch.inf),
                torch.where(crossing, zones.enter_m, torch.inf),
            )
        )
        arrival, inside, crosses = zones.least(each, driver.s_m)
        return _Nearest(arrival.clamp(max=1e3), inside == 0.0, crosses)


def _goes_first(
    zones: DriverZones,
    turn_s: Float[Tensor, "b d"],
    spells: Float[Tensor, "b d"],
    both_stand: Bool[Tensor, "b 2 e"],
) -> Bool[Tensor, "b 2 e"]:
    """Right of way; among equals the one who has waited longer or arrives sooner; then the index.

    Between two who stand, being inside the junction outweighs right of way, and so does long
    waiting: nobody waits for ever.
    """
    turn_s, spells = materialize(zones.of_driver(turn_s), zones.of_driver(spells))
    sooner = turn_s < turn_s.flip(1)
    more = torch.where(both_stand, spells - spells.flip(1), 0.0)
    rank = zones.right_of_way + more
    return (rank > 0) | ((rank == 0) & sooner)


def _would_block_box(me: Driver, leave_m: Tensor) -> Tensor:
    """Whether a slow car beyond the zone leaves no room to get out of it."""
    room = me.s_m + 0.5 * me.length_m + me.lead_gap_m - leave_m
    return (me.lead_speed_mps < 2.0) & (room < me.length_m + _CLEAR_BOX_M)


def _fits_in_front(
    mine: _Approach, other: _Approach, me: Driver, their_mps: Float[Tensor, "b 2 e"]
) -> Tensor:
    """Whether merging in front leaves the other some headway, and no need to brake hard."""
    gap = other.to_enter_m - mine.to_enter_m - me.length_m
    closing = (their_mps**2 - me.speed_mps**2).clamp(min=0.0) / (2.0 * 1.5)
    return gap > 2.0 + me.margin_s * their_mps + closing
