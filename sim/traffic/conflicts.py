"""Who waits for whom where paths cross or merge: right of way, gaps, and no blocking of the box."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

if TYPE_CHECKING:
    from sim.world import World

LOOK_AHEAD_M = 60.0
ACCELERATION_MPS2 = 1.5  # assumed when times of arrival are guessed
GO_BEFORE_S = 1.0  # time left between leaving a zone and the other's arrival
GO_AFTER_S = 0.3
CANNOT_STOP_MPS2 = 6.0
IMPATIENCE_S = 6.0  # each such spell of standing outweighs one class of right of way
_IMPATIENCE_RANK = 20
_INSIDE_RANK = 1000
_STANDING_MPS = 1.0
_CLEAR_BOX_M = 1.0


@dataclass(frozen=True)
class Driver:
    """What is known of each agent on a path, `[B, N]`."""

    s_m: Float[Tensor, "b n"]
    speed_mps: Float[Tensor, "b n"]
    cruise_mps: Float[Tensor, "b n"]
    length_m: Float[Tensor, "b n"]
    on_path: Bool[Tensor, "b n"]
    waited_s: Float[Tensor, "b n"]
    closed_s_m: Float[Tensor, "b n"]  # the line that a light closes; inf: none
    lead_gap_m: Float[Tensor, "b n"]  # to whoever is next on the path; inf: nobody
    lead_speed_mps: Float[Tensor, "b n"]


@dataclass(frozen=True)
class Yield:
    """How far each agent may go (`stop_gap_m`, from its front), and whom it lets in before it."""

    stop_gap_m: Float[Tensor, "b n"]
    virtual_gap_m: Float[Tensor, "b n m"]  # to a car that merges first; inf: none
    virtual_speed_mps: Float[Tensor, "b n m"]


def travel_time_s(distance_m: Tensor, speed_mps: Tensor, cruise_mps: Tensor) -> Tensor:
    """Time to cover a distance when accelerating gently up to the cruising speed."""
    end = torch.sqrt(speed_mps**2 + 2.0 * ACCELERATION_MPS2 * distance_m.clamp(min=0.0))
    end = torch.maximum(torch.minimum(end, cruise_mps), speed_mps)
    return 2.0 * distance_m.clamp(min=0.0) / (speed_mps + end).clamp(min=0.1)


def yield_to_others(world: "World", driver: Driver) -> Yield:
    """Decide every pair of drivers whose paths conflict, in every zone ahead of both."""
    zones = world.agent_zones
    mine = _Approach.of(driver, zones.zone[..., 0], zones.zone[..., 1], dim=2)
    other = _Approach.of(driver, zones.zone[..., 2], zones.zone[..., 3], dim=1)
    live = zones.zone_valid & _wide(driver.on_path, 2) & _wide(driver.on_path, 1)
    live &= (mine.to_enter_m > 0.0) & (mine.to_enter_m < LOOK_AHEAD_M) & (other.to_leave_m > 0.0)
    live &= other.to_enter_m < LOOK_AHEAD_M
    inside = other.to_enter_m <= 0.0
    they_clear = other.leave_s + GO_AFTER_S < mine.enter_s
    i_clear = mine.leave_s + GO_BEFORE_S < other.enter_s
    i_first = _goes_first(world, driver, mine)
    stoppable = mine.to_enter_m > _wide(driver.speed_mps, 2) ** 2 / (2.0 * CANNOT_STOP_MPS2)

    crossing, merging = live & ~zones.zone_merges, live & zones.zone_merges
    contested = ~inside & ~other.blocked & ~they_clear & ~i_clear & ~i_first & stoppable
    wait = crossing & ((inside & ~they_clear) | contested)
    wait |= crossing & _would_block_box(driver, zones.zone[..., 1])

    virtual_gap = mine.to_enter_m - other.to_enter_m - _wide(driver.length_m, 1)
    squeezed = ~_fits_in_front(mine, other, driver)
    follow = merging & (inside | (~other.blocked & ~i_first & squeezed))
    wait |= follow & (virtual_gap < 1.0) & (inside | stoppable)

    stop_gap = torch.where(wait, mine.to_enter_m, torch.inf).amin(dim=(2, 3))
    virtual_gap = torch.where(follow, virtual_gap, torch.inf).amin(dim=3)
    speed = torch.where(virtual_gap < torch.inf, driver.speed_mps.unsqueeze(1), 0.0)
    return Yield(stop_gap, virtual_gap, speed)


@dataclass(frozen=True)
class _Approach:
    """Distance and time to the start and the end of each zone, `[B, N, N, Z]`."""

    to_enter_m: Tensor
    to_leave_m: Tensor
    enter_s: Tensor
    leave_s: Tensor
    blocked: Tensor  # a red light, or a standing car, keeps it from the zone

    @staticmethod
    def of(driver: Driver, enter_m: Tensor, leave_m: Tensor, dim: int) -> "_Approach":
        front = _wide(driver.s_m + 0.5 * driver.length_m, dim)
        rear = _wide(driver.s_m - 0.5 * driver.length_m, dim)
        speed, cruise = _wide(driver.speed_mps, dim), _wide(driver.cruise_mps, dim)
        to_enter, to_leave = enter_m - front, leave_m - rear
        held = _wide(driver.lead_gap_m, dim) < torch.minimum(to_enter, torch.full_like(to_enter, 8))
        held &= (_wide(driver.lead_speed_mps, dim) < 0.5) & (speed < _STANDING_MPS)
        return _Approach(
            to_enter_m=to_enter,
            to_leave_m=to_leave,
            enter_s=travel_time_s(to_enter, speed, cruise),
            leave_s=travel_time_s(to_leave, speed, cruise),
            blocked=(_wide(driver.closed_s_m, dim) < enter_m + 1.0) | held,
        )


def _goes_first(world: "World", driver: Driver, mine: _Approach) -> Tensor:
    """Right of way; among equals the one who has waited longer or arrives sooner; then the index.

    Between two who stand, being inside the junction outweighs right of way, and so does long
    waiting: nobody waits for ever.
    """
    zones = world.agent_zones
    ahead = zones.zone_valid & (mine.to_enter_m > 0.0)
    arrival = torch.where(ahead, mine.enter_s, 1e3).amin(dim=(2, 3)) - driver.waited_s
    arrival = arrival + 1e-3 * torch.arange(arrival.shape[1], device=arrival.device)
    sooner = _wide(arrival, 2) < _wide(arrival, 1)
    standing = driver.speed_mps < _STANDING_MPS
    spells = torch.floor(driver.waited_s / IMPATIENCE_S) * _IMPATIENCE_RANK
    in_zone = (mine.to_enter_m <= 0.0) & (mine.to_leave_m > 0.0) & ~zones.zone_merges
    spells += _INSIDE_RANK * (in_zone & zones.zone_valid).any(dim=3).any(dim=2)
    both_stand = _wide(standing, 2) & _wide(standing, 1)
    rank = zones.right_of_way + torch.where(both_stand, _wide(spells, 2) - _wide(spells, 1), 0.0)
    return (rank > 0) | ((rank == 0) & sooner)


def _would_block_box(driver: Driver, leave_m: Tensor) -> Tensor:
    """Whether a slow car beyond the zone leaves no room to get out of it."""
    end_of_queue = driver.s_m + 0.5 * driver.length_m + driver.lead_gap_m
    room = _wide(end_of_queue, 2) - leave_m
    slow = _wide(driver.lead_speed_mps, 2) < 2.0
    return slow & (room < _wide(driver.length_m, 2) + _CLEAR_BOX_M)


def _fits_in_front(mine: _Approach, other: _Approach, driver: Driver) -> Tensor:
    """Whether merging in front leaves the other a second of headway without hard braking."""
    v_mine, v_other = _wide(driver.speed_mps, 2), _wide(driver.speed_mps, 1)
    gap = other.to_enter_m - mine.to_enter_m - _wide(driver.length_m, 2)
    closing = (v_other**2 - v_mine**2).clamp(min=0.0) / (2.0 * 1.5)
    return gap > 2.0 + v_other + closing


def _wide(per_agent: Tensor, dim: int) -> Tensor:
    """`[B, N]` as `[B, N, 1, 1]` (dim 2: the one who decides) or `[B, 1, N, 1]` (dim 1)."""
    return per_agent.unsqueeze(dim).unsqueeze(-1)
