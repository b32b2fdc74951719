"""Drivers who pass what stands in their lane: they lose patience, pull out beside it, and return.

A pass keeps to the driver's own path, on a line so far left of it (`WorldState.aside_m`): through the
oncoming lane, the lane beside, or aside within the road. It begins only where the whole of it is
clear: of what stands, by boxes along the course; of who moves, by the time that it takes. One driver
a world and step decides, so that no two take the same gap.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim import trees
from sim.compiling import least
from sim.cues import NOT_YET
from sim.paths.lane_changes import KNOT_M
from sim.paths.paths import index_at
from sim.scenario import AgentKind, CueAction
from sim.traffic.backing import FOLLOWS_S, PATIENCE_S, to_back_out_m, who_backs_up
from sim.traffic.corridor import Corridor, OnPaths
from sim.traffic.drivers import Drivers, Place
from sim.traffic.following import SIDE_MARGIN_M
from sim.traffic.lateral import NOT_OVER, Lateral, way_back_m, way_out_m
from sim.traffic.pass_checks import (
    PASSING_MPS,
    SPARE_S,
    One,
    gap_is_long,
    is_clear_of_boxes,
    line_is_clear,
    stops_before,
)
from sim.traffic.path_relations import DriverZones
from sim.traffic.road_room import ROOM_EVERY_M, road_room_m
from sim.trees import shared
from sim.world import World, WorldState

_SEES_M = 40.0
_STANDING_MPS = 0.3
_HELD_M = 8.0  # who is held stands nearer than this behind what holds it
_LEAST_M = 0.1  # aside: who is half way to another lane may have nothing before it there
_ROOM_BEHIND_M = 1.5  # left by those who back up
_REACH_M = 40.0  # what stands within this is passed at once
_CLEAR_M = 0.45  # left beside what is passed, and to the edge of the road
_EDGE_M = 0.15
_KEEPS_DIRECTION_M = 1.5  # by which a pass may be wider to stay in lanes of its own direction
PULLING_OUT_MPS = 2.0
# Plain ints: compiled, a tensor compared with an enum's member is silently False.
_PEDESTRIAN, _START = int(AgentKind.PEDESTRIAN), int(CueAction.START)


@dataclass(frozen=True)
class Held:
    """Who stands behind something that stands for good, and how it would pass: `[B, D]`."""

    stands: Bool[Tensor, "b n"]  # what stands for good
    held: Bool[Tensor, "b d"]
    line_m: Float[Tensor, "b d"]  # left of the path, where it would drive
    end_gap_m: Float[Tensor, "b d"]  # from its front to the far end of what stands
    faces_off: Bool[Tensor, "b d"]  # it and another are in one another's way, and it makes room
    room_behind_m: Float[Tensor, "b d"]

    def wishes(self, drivers: Drivers) -> tuple[Bool[Tensor, "b n"], Float[Tensor, "b n"]]:
        """Who is held, and how far to the left it wants to be, so that others can let it."""
        return drivers.spread(self.held), drivers.spread(self.line_m)


@dataclass(frozen=True)
class Passing:
    """What is prepared for passing: how far the road goes on beside each path."""

    room_m: Float[Tensor, "m p 2 k"] = shared()

    @staticmethod
    def of(world: World) -> "Passing | None":
        """None where nobody has the time to lose patience, or nobody may leave its path."""
        longest_s = world.num_steps * world.dt_s
        if longest_s <= PATIENCE_S or world.paths.lane_changes is None:
            return None
        return Passing(road_room_m(world.scenarios, world.paths))

    def stands(self, world: World, state: WorldState) -> Bool[Tensor, "b n"]:
        """Who or what stands for good: not driven by this traffic, or waiting for a cue."""
        waits = world.paths.agent_path < 0
        if world.cues is not None:
            waits = waits | ((world.cues.action == _START) & (state.cue_step == NOT_YET))
        still = state.valid & (state.speed_mps.abs() < _STANDING_MPS)
        return still & waits & (world.kind != _PEDESTRIAN)

    def most_mps(self, state: WorldState) -> Float[Tensor, "b n"]:
        """The speed of those who pass, at most; inf: of the others."""
        pulls_out = state.change_left > NOT_OVER
        passing = torch.where(pulls_out, PULLING_OUT_MPS, PASSING_MPS)
        return torch.where(state.aside_m != 0.0, passing, torch.inf)

    def held(
        self,
        world: World,
        state: WorldState,
        drivers: Drivers,
        driven: Bool[Tensor, "b d"],
        place: Place,
        on_paths: OnPaths,
        corridor: Corridor,
        stands: Bool[Tensor, "b n"],
        zones: DriverZones,
    ) -> Held:
        """Found for every driver."""
        keeps = drivers.pick(state.aside_m) == 0.0
        length, width, _ = (size.unsqueeze(2) for size in place.size_m.unbind(-1))
        ahead = (corridor.gap_m > -0.5 * length) & (corridor.reach_m > -torch.inf)
        blocks = ahead & (corridor.offset_m.abs() < corridor.reach_m + SIDE_MARGIN_M)
        nearest, blocker = least(torch.where(blocks, corridor.gap_m, torch.inf))
        behind = torch.gather(stands, 1, blocker) & (nearest < _HELD_M)
        passes = (state.aside_m != 0.0).unsqueeze(1) & (corridor.along_mps > 0.0)
        sees = (passes & ahead & (corridor.gap_m < _SEES_M)).any(dim=2)
        patience_s = torch.where(sees, FOLLOWS_S, PATIENCE_S)
        changes = world.paths.lane_changes
        assert changes is not None
        driven = place.present & driven & changes.styled[world.paths.row].unsqueeze(1)
        held = driven & keeps & behind & (place.waited_s >= patience_s)
        back_m = -corridor.gap_m - length - world.size_m[..., 0].unsqueeze(1)
        follows = (corridor.offset_m.abs() < corridor.reach_m + SIDE_MARGIN_M) & (back_m > -1.0)
        closing = (corridor.along_mps.clamp(min=0.0) * SPARE_S).clamp(max=_SEES_M)
        room_behind = torch.where(follows, back_m - closing, torch.inf).amin(dim=2)
        room_behind = torch.minimum(room_behind, place.s_m - length.squeeze(2))
        near, way_out = driven & (nearest < _HELD_M), to_back_out_m(zones, place)
        faces_off = who_backs_up(state, drivers, place, blocker, near, room_behind, way_out)

        seen = on_paths.seen_from(place.path)
        reach = seen.half_across_m + 0.5 * width
        passed = stands.unsqueeze(1) & ahead & (corridor.gap_m < _REACH_M)
        passed = passed & (seen.offset_m.abs() < reach + SIDE_MARGIN_M)
        none = torch.full_like(reach, _LEAST_M)
        left, right = (
            torch.where(passed, sign * seen.offset_m + reach + _CLEAR_M, none).amax(dim=2)
            for sign in (1.0, -1.0)
        )
        far = corridor.gap_m + world.size_m[..., 0].unsqueeze(1)
        end = torch.where(passed, far, none).amax(dim=2)
        line = torch.stack((left, right), dim=-1)
        row = world.paths.row.unsqueeze(1)
        need = line + 0.5 * width + _EDGE_M
        fits = need < self._room_m(row, place, end)
        cost = line - _KEEPS_DIRECTION_M * _lane_beside(world, drivers, place)
        cost = torch.where(fits, cost, torch.inf)
        goes_left = cost[..., 0] <= cost[..., 1]
        return Held(
            stands=stands,
            held=held & torch.isfinite(cost.amin(dim=2)),
            line_m=torch.where(goes_left, left, -right),
            end_gap_m=end,
            faces_off=faces_off,
            room_behind_m=room_behind,
        )

    def _room_m(
        self, row: Int[Tensor, "b 1"], place: Place, end_m: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b d 2"]:
        """The least room on either side of each path, from each driver to so far before it."""
        room = self.room_m[row, place.path]
        s_m = torch.arange(room.shape[3], device=room.device) * ROOM_EVERY_M
        near = s_m > (place.s_m - ROOM_EVERY_M).unsqueeze(2)
        near = near & (s_m < (place.front_s_m + end_m + ROOM_EVERY_M).unsqueeze(2))
        return torch.where(near.unsqueeze(2), room, torch.inf).amin(dim=3)

    def decide(
        self,
        world: World,
        state: WorldState,
        drivers: Drivers,
        place: Place,
        on_paths: OnPaths,
        lateral: Lateral,
        held: Held,
        may_go: Bool[Tensor, "b d"],
        change_s: Float[Tensor, "b d"],
    ) -> tuple[Lateral, Bool[Tensor, "b d"]]:
        """Some begin to pull out, others to return; and who backs up to be able to.

        `may_go`: nothing but those ahead keeps it.
        """
        assert lateral.line_m is not None
        back = (lateral.line_m != 0.0) & ~lateral.moves_over
        ready = (held.held & may_go) | back
        one = One.of(drivers, ready, state.step)
        out = one.at(held.held)
        line_m = torch.where(out, one.at(held.line_m), 0.0)
        from_m = one.at(lateral.offset_m) - line_m
        back_m = way_back_m(from_m, one.at(place.speed_mps) * one.at(change_s))
        way_m = torch.where(out, way_out_m(from_m), back_m)
        return_m = way_back_m(line_m, PASSING_MPS * one.at(change_s))
        end_m = torch.where(out, one.at(held.end_gap_m) + return_m, way_m)
        own = _pick_place(one, place)
        seen = on_paths.seen_from(own.path)
        gets_out = is_clear_of_boxes(
            world, state, drivers, one, own, line_m, from_m, way_m, held.stands
        )
        clear = gets_out & line_is_clear(own, seen, line_m, end_m, held.stands)
        others = (
            (~held.stands) & (seen.half_across_m.squeeze(1) > -torch.inf) & ~one.is_agent(drivers)
        )
        clear = clear & gap_is_long(
            world, state, one, drivers, own, seen, line_m, from_m, end_m, others
        )
        clear = clear & (~out.squeeze(1) | ~stops_before(world, own, end_m))
        begins = one.mask & (one.ready & clear).unsqueeze(1)
        backs = one.mask & (one.ready & ~gets_out).unsqueeze(1) & held.held
        backs = (backs | held.faces_off) & (held.room_behind_m > _ROOM_BEHIND_M)
        return lateral.turned(begins, torch.where(begins, line_m, lateral.line_m)), backs


def _pick_place(one: One, place: Place) -> Place:
    index = one.index.unsqueeze(2).expand(-1, -1, 3)
    size = torch.gather(place.size_m, 1, index)
    return trees.map_tensors(lambda t: one.at(t) if t.ndim == 2 else size, place)


def _lane_beside(world: World, drivers: Drivers, place: Place) -> Bool[Tensor, "b d 2"]:
    """Whether there is a lane of the driver's direction to its left, and to its right."""
    changes, row = world.paths.lane_changes, world.paths.row.unsqueeze(1)
    assert changes is not None
    knot = index_at(place.s_m / KNOT_M, changes.lane.shape[-1])
    target = changes.target[row, place.path, drivers.route]
    number = knot[..., None, None].expand(-1, -1, 2, 1)
    return torch.gather(target, 3, number).squeeze(3) >= 0
