"""Patience, and who backs up where two stand face to face."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.traffic.drivers import Drivers, Place
from sim.traffic.path_relations import DriverZones
from sim.world import WorldState

# Longer than the scenarios of the benchmarks and nuScenes' scenes (20 s), in which whoever meets an
# obstacle first is the ego: their traffic is the same with and without passing.
PATIENCE_S = 21.0
FOLLOWS_S = 2.0  # standing, of those who see somebody pass ahead, or face one who has lost patience
_TOO_LITTLE_ROOM_M = 100.0  # longer than any way out: counts against who has no room for it
_BACKS_MPS = 0.05  # who is faster than this backwards does


def who_backs_up(
    state: WorldState,
    drivers: Drivers,
    place: Place,
    blocker: Int[Tensor, "b d"],
    near: Bool[Tensor, "b d"],
    room_behind_m: Float[Tensor, "b d"],
    way_m: Float[Tensor, "b d"],
) -> Bool[Tensor, "b d"]:
    """Who has to back up, of two drivers each of whom is next in the other's way.

    The one that does so already; else, when one of them has lost patience, the one that has the room to get
    out of the other's way, and of two that have it the one whose way is shorter. Also those behind one
    that backs up.
    """
    other = torch.gather(drivers.place, 1, blocker)
    is_driver = torch.gather(drivers.agent, 1, other) == blocker
    mutual = (torch.gather(blocker, 1, other) == drivers.agent) & is_driver & near
    backs = drivers.pick(state.speed_mps) < -_BACKS_MPS
    both = torch.stack((place.waited_s, torch.gather(place.waited_s, 1, other)))
    both = (both.amax(dim=0) >= PATIENCE_S) & (both.amin(dim=0) >= FOLLOWS_S)
    both = both & torch.gather(near, 1, other)
    too_little = torch.where(room_behind_m < way_m, _TOO_LITTLE_ROOM_M, 0.0)
    cost = way_m + too_little + 1e-3 * drivers.agent
    less = cost < torch.gather(cost, 1, other)
    begins = both & less & ~torch.gather(backs, 1, other)
    makes_room = torch.gather(state.speed_mps, 1, blocker) < -_BACKS_MPS
    return torch.where(mutual, backs | begins, near & makes_room)


def to_back_out_m(zones: DriverZones, place: Place) -> Float[Tensor, "b d"]:
    """How far each driver is into the zone that it entered first, of those that it is in; 0: in none."""
    to_enter = zones.enter_m - zones.of_driver(place.front_s_m)
    to_leave = zones.leave_m - zones.of_driver(place.s_m - 0.5 * place.size_m[..., 0])
    inside = zones.valid & (to_enter < 0.0) & (to_leave > 0.0)
    return -zones.least(torch.where(inside, to_enter, 0.0), place.s_m).clamp(max=0.0)
