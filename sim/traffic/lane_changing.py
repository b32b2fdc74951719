"""Who changes lanes, where to and when: because its route asks for it, or because it is better off there.

A change is begun only where MOBIL finds it safe, by one driver a world and step, so that no two take
the same gap. Drivers look at the lane on one side at a time: those whose route presses them in
every step, of the others a fifth.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim import trees
from sim.compiling import least
from sim.paths.lane_changes import KNOT_M, LEFT, RIGHT
from sim.paths.paths import index_at
from sim.scenario import EGO, AgentKind
from sim.traffic.corridor import OnPaths
from sim.traffic.driver_styles import DriverStyles
from sim.traffic.drivers import Drivers, Place
from sim.traffic.idm_law import idm_acceleration
from sim.traffic.mobil import (
    THRESHOLD_MPS2,
    Accelerations,
    incentive_mps2,
    is_safe,
    safe_braking_mps2,
)
from sim.traffic.storing import stored
from sim.world import World, WorldState

TURNS = 5  # a driver that is not pressed looks in every fifth step
PRESSED = 3  # of the pressed, those whose chance ends first
APPROACH_MPS2 = 1.5  # braking of the pressed, at most, to fall in behind the gap's leader
_BESIDE_M = 0.3  # kept from those beside
_JOINS_M = 0.3  # who is nearer to its route than this, and drives along it, is on it
_JOINS_SLOPE = 0.03
# A plain int: compiled, a tensor compared with an enum's member is silently False.
_CYCLIST = int(AgentKind.CYCLIST)


@dataclass(frozen=True)
class Wishes:
    """Who has to change lanes, so that the others can see it: `[B, N]`, and `[B, D]` for itself."""

    wants: Bool[Tensor, "b n"]
    shift_m: Float[Tensor, "b n"]  # how far to the left
    length_m: Float[Tensor, "b n"]
    steady: Bool[Tensor, "b d"]  # not changing lanes now
    pressed: Bool[Tensor, "b d"]
    side: Int[Tensor, "b d"]
    left_m: Float[Tensor, "b d"]  # until the chance ends; inf: it does not
    stop_m: Float[Tensor, "b d"]  # until the path ends before the route does, from the centre

    @staticmethod
    def of(
        world: World, state: WorldState, drivers: Drivers, place: Place, on_paths: OnPaths
    ) -> "Wishes":
        """Read off the tables of the paths."""
        paths, changes = world.paths, world.paths.lane_changes
        assert changes is not None
        row, route = paths.row.unsqueeze(1), drivers.route
        knot = _knot(place.s_m, changes.lane)
        cross = changes.to_cross[row, place.path, route, knot]
        left_m = changes.parts_s_m[row, place.path, route] - place.s_m
        side = torch.where(cross > 0, LEFT, RIGHT)
        target = changes.target[row, place.path, route, side, knot].long()
        steady = place.present & (drivers.pick(state.change_left) <= 0.0)
        pressed = steady & (cross != 0) & (target >= 0)
        pressed = pressed & (left_m > 0.0) & torch.isfinite(left_m)
        world_index = torch.arange(len(row), device=row.device).unsqueeze(1)
        offset = on_paths.offset_m[world_index, target.clamp(min=0), drivers.agent]
        is_driver = paths.agent_path >= 0
        return Wishes(
            wants=drivers.spread(pressed) & is_driver,
            shift_m=drivers.spread(-offset),
            length_m=world.size_m[..., 0],
            steady=steady,
            pressed=pressed,
            side=side,
            left_m=left_m,
            stop_m=changes.ends_s_m[row, place.path, route] - place.s_m,
        )

    def and_of(self, held: Bool[Tensor, "b n"], shift_m: Float[Tensor, "b n"]) -> "Wishes":
        """The same, and of those who want to pass something that stands."""
        return replace(
            self, wants=self.wants | held, shift_m=torch.where(held, shift_m, self.shift_m)
        )


@dataclass(frozen=True)
class LaneChoice:
    """What the drivers decide: the path of each from now on, and how the pressed adapt to a gap."""

    path: Int[Tensor, "b d"]
    near_s_m: Float[Tensor, "b d"]  # where on it, to a metre
    acceleration_mps2: Float[Tensor, "b d"]  # inf: no reason


def choose_lanes(
    world: World,
    state: WorldState,
    drivers: Drivers,
    styles: DriverStyles,
    place: Place,
    wishes: Wishes,
    on_paths: OnPaths,
    own_mps2: Float[Tensor, "b d"],
) -> LaneChoice:
    """`own_mps2`: what each does behind those ahead of it now."""
    slot = stored(_Slots.of(world, state, drivers, styles, place, wishes))
    lanes = torch.cat((slot.target.clamp(min=0), slot.at(place.path)), dim=1)
    seen = on_paths.seen_from(lanes)
    # Of the lanes there, then of those here.
    near = stored(_Neighbors.of(world, seen, torch.cat((slot.agent, slot.agent), dim=1)))
    gap_there_m, gap_behind_there_m = (
        gap.chunk(2, dim=1)[0] for gap in (near.gap_ahead_m, near.gap_behind_m)
    )
    law = trees.map_tensors(slot.at, styles.law)
    speed, cruise = slot.at(place.speed_mps), slot.at(place.cruise_mps)
    after_own = idm_acceleration(speed, cruise, gap_there_m, near.lead_mps.chunk(2, dim=1)[0], law)
    without, behind = _of_followers(drivers, styles, place, near, slot)
    (alone_there, alone_here), (there, here) = without.chunk(2, dim=1), behind.chunk(2, dim=1)
    before = Accelerations(own=slot.at(own_mps2), new_follower=alone_there, old_follower=here)
    after = Accelerations(own=after_own, new_follower=there, old_follower=alone_here)
    gain = incentive_mps2(before, after, slot.at(styles.politeness))
    braking = safe_braking_mps2(torch.where(slot.pressed, slot.at(wishes.left_m), torch.inf))
    free = (gap_there_m > 0.0) & (gap_behind_there_m > 0.0)
    wants = slot.valid & (slot.pressed | (gain > THRESHOLD_MPS2)) & free & is_safe(after, braking)
    first = wants & (wants.cumsum(dim=1) == 1)
    path = _scattered(place.path, slot.driver, first, slot.target)
    approach = after_own.clamp(min=-APPROACH_MPS2)
    none = torch.full_like(own_mps2, torch.inf)
    path = _joined(world, drivers, place, wishes, on_paths, path)
    world_index = torch.arange(len(path), device=path.device).unsqueeze(1)
    return LaneChoice(
        path=path,
        near_s_m=on_paths.rear_m[world_index, path, drivers.agent] + 0.5 * place.size_m[..., 0],
        acceleration_mps2=_scattered(none, slot.driver, slot.valid & slot.pressed, approach),
    )


@dataclass(frozen=True)
class _Slots:
    """C drivers that look at a lane beside theirs in this step; the pressed come first."""

    driver: Int[Tensor, "b c"]
    agent: Int[Tensor, "b c"]
    target: Int[Tensor, "b c"]  # path
    pressed: Bool[Tensor, "b c"]
    valid: Bool[Tensor, "b c"]

    def at(self, per_driver: Tensor) -> Tensor:
        """`[B, D]` as `[B, C]`."""
        return torch.gather(per_driver, 1, self.driver)

    @staticmethod
    def of(
        world: World,
        state: WorldState,
        drivers: Drivers,
        styles: DriverStyles,
        place: Place,
        wishes: Wishes,
    ) -> "_Slots":
        count = place.path.shape[1]
        urgency = torch.where(wishes.pressed, -wishes.left_m, -torch.inf)
        hurried = urgency.topk(min(PRESSED, count), dim=1).indices
        turn = torch.arange(0, count, TURNS, device=hurried.device)
        looking = turn + (state.step % TURNS).unsqueeze(1)
        chosen = torch.cat((hurried, looking.clamp(max=count - 1)), dim=1)
        is_hurried = torch.arange(chosen.shape[1], device=chosen.device) < hurried.shape[1]

        def at(per_driver: Tensor) -> Tensor:
            return torch.gather(per_driver, 1, chosen)

        pressed = at(wishes.pressed)
        ready = drivers.pick(state.change_left) <= -1.0
        cyclist = drivers.pick(world.kind) == _CYCLIST
        at_leisure = place.present & ready & ~cyclist & (drivers.agent != EGO)
        at_leisure = at_leisure & styles.changes_lanes.unsqueeze(1)
        in_turn = torch.cat((torch.zeros_like(hurried), looking), dim=1) < count
        side = torch.where((state.step // TURNS) % 2 == 0, LEFT, RIGHT).unsqueeze(1)
        side = torch.where(is_hurried, at(wishes.side), side)
        changes, row = world.paths.lane_changes, world.paths.row.unsqueeze(1)
        assert changes is not None
        path, knot = at(place.path), at(_knot(place.s_m, changes.lane))
        target = changes.target[row, path, at(drivers.route), side, knot].long()
        valid = torch.where(is_hurried, pressed, in_turn & ~pressed & at(at_leisure))
        return _Slots(
            driver=chosen,
            agent=at(drivers.agent),
            target=target,
            pressed=pressed & is_hurried,
            valid=valid & (target >= 0),
        )


@dataclass(frozen=True)
class _Neighbors:
    """Who is next ahead of and behind a driver on a lane; gaps are inf where nobody is."""

    gap_ahead_m: Float[Tensor, "b c"]
    lead_mps: Float[Tensor, "b c"]
    gap_behind_m: Float[Tensor, "b c"]
    follower: Int[Tensor, "b c"]  # agent
    follower_mps: Float[Tensor, "b c"]

    @staticmethod
    def of(world: World, seen: OnPaths, agent: Int[Tensor, "b c"]) -> "_Neighbors":
        """Among those in the strip of a lane, ordered by the centres of the boxes."""
        size = world.size_m
        length = size[..., 0].unsqueeze(1)
        own = agent.unsqueeze(2)
        my_length = torch.gather(size[..., 0], 1, agent).unsqueeze(2)
        my_width = torch.gather(size[..., 1], 1, agent).unsqueeze(2)
        my_rear = torch.gather(seen.rear_m, 2, own)
        number = torch.arange(size.shape[1], device=size.device)
        reach = seen.half_across_m + 0.5 * my_width + _BESIDE_M
        there = (seen.offset_m.abs() < reach) & (number != own)
        ahead = seen.rear_m + 0.5 * length > my_rear + 0.5 * my_length
        gap_ahead, leader = least(
            torch.where(there & ahead, seen.rear_m - my_rear - my_length, torch.inf)
        )
        gap_behind, follower = least(
            torch.where(there & ~ahead, my_rear - seen.rear_m - length, torch.inf)
        )
        mps = seen.along_mps.clamp(min=0.0)
        return _Neighbors(
            gap_ahead_m=gap_ahead,
            lead_mps=torch.gather(mps, 2, leader.unsqueeze(2)).squeeze(2),
            gap_behind_m=gap_behind,
            follower=follower,
            follower_mps=torch.gather(mps, 2, follower.unsqueeze(2)).squeeze(2),
        )


def _of_followers(
    drivers: Drivers, styles: DriverStyles, place: Place, lane: _Neighbors, slot: _Slots
) -> tuple[Float[Tensor, "b k"], Float[Tensor, "b k"]]:
    """What the followers on lanes do without, and behind, those who look; 0 where there is none."""
    driver = torch.gather(drivers.place, 1, lane.follower)
    law = trees.map_tensors(lambda value: torch.gather(value, 1, driver), styles.law)
    cruise = torch.gather(place.cruise_mps, 1, driver)
    length, speed = (
        torch.cat((own, own), dim=1)
        for own in (slot.at(place.size_m[..., 0]), slot.at(place.speed_mps))
    )
    gap_m = torch.stack((lane.gap_behind_m + length + lane.gap_ahead_m, lane.gap_behind_m))
    lead_mps = torch.stack((lane.lead_mps, speed))
    done = idm_acceleration(lane.follower_mps, cruise, gap_m, lead_mps, law)
    without, behind = torch.where(torch.isfinite(lane.gap_behind_m), done, 0.0).unbind(0)
    return without, behind


def _joined(
    world: World,
    drivers: Drivers,
    place: Place,
    wishes: Wishes,
    on_paths: OnPaths,
    path: Int[Tensor, "b d"],
) -> Int[Tensor, "b d"]:
    """`path`, or the own route of those whose lane it has in common with the path that they are on."""
    changes, row = world.paths.lane_changes, world.paths.row.unsqueeze(1)
    assert changes is not None
    world_index = torch.arange(len(row), device=row.device).unsqueeze(1)
    route, agent = drivers.route, drivers.agent
    rear, offset, half_across, along, across = (
        seen[world_index, route, agent]
        for seen in (
            on_paths.rear_m,
            on_paths.offset_m,
            on_paths.half_across_m,
            on_paths.along_mps,
            on_paths.across_mps,
        )
    )
    own_s = rear + 0.5 * place.size_m[..., 0]
    lane = changes.lane[row, place.path, _knot(place.s_m, changes.lane)]
    of_route = changes.lane[row, route, _knot(own_s, changes.lane)]
    near = half_across > -torch.inf
    joins = wishes.steady & (path == place.path) & near & (lane == of_route) & (lane >= 0)
    joins = joins & (offset.abs() < _JOINS_M) & (across.abs() <= _JOINS_SLOPE * along)
    return torch.where(joins, route, path)


def _knot(s_m: Tensor, table: Tensor) -> Tensor:
    return index_at(s_m / KNOT_M, table.shape[-1])


def _scattered(into: Tensor, driver: Tensor, chosen: Tensor, values: Tensor) -> Tensor:
    """`into [B, D]` with the values of the chosen slots; no driver is chosen twice."""
    spare = torch.cat((into, into[:, :1]), dim=1)
    where = torch.where(chosen, driver, into.shape[1])
    return spare.scatter(1, where, values.to(into.dtype))[:, :-1]
