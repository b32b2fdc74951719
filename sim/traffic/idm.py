"""Reactive traffic: the Intelligent Driver Model along lane routes (Treiber et al. 2000).

A driver follows its own path with both axles on it, keeps behind whoever is in the strip it sweeps,
stops for lights and signs, lets pedestrians cross, and settles conflicts with others by right of
way and gap (`sim.traffic.conflicts`). Where scenarios have styles, each drives by its own, and
changes lanes (`sim.traffic.lane_changing`); in long scenarios it passes what stands for good
(`sim.traffic.passing`). Agents without a path follow the recording.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from sim.compiling import materialize
from sim.scenario import EGO, AgentKind
from sim.short_repr import short_repr
from sim.traffic.advancing import Course, advance
from sim.traffic.corridor import Lookout
from sim.traffic.driver_styles import DriverStyles, Manner
from sim.traffic.drivers import Drivers, Place
from sim.traffic.following import follow
from sim.traffic.lane_changing import Wishes, choose_lanes
from sim.traffic.lateral import Lateral
from sim.traffic.passing import Passing
from sim.traffic.stopping import HARDEST_BRAKING_MPS2, Signs, brake_before, give_way
from sim.traffic.storing import stored
from sim.traffic.walking import Walkers
from sim.world import World, WorldState

CYCLIST_CRUISE_MPS = 5.0
_STANDING_MPS = 0.3
# A plain int: compiled, a tensor compared with an enum's member is silently False.
_CYCLIST = int(AgentKind.CYCLIST)


@short_repr
@dataclass(frozen=True)
class IdmTraffic:
    """Drives every agent that has a path, of the worlds that it was made for."""

    lookout: Lookout
    styles: DriverStyles
    walkers: Walkers | None
    passing: Passing | None

    @staticmethod
    def of(world: World, drives_ego: bool = False, manner: Manner = "drawn") -> "IdmTraffic":
        """For the scenarios of a world; with `drives_ego` the ego as well (to record it)."""
        lookout = Lookout.of(world, drives_ego)
        styles = DriverStyles.of(world.scenarios, lookout.drivers, world.dt_s, manner)
        walkers = Walkers.of(world, manner == "uniform")
        return IdmTraffic(lookout, styles, walkers, Passing.of(world))

    def act(self, world: World, state: WorldState) -> WorldState:
        """The state one step later."""
        state = _with_cues(world, state)
        lookout, drivers, styles = self.lookout, self.lookout.drivers, self.styles
        (own_s,) = materialize(lookout.own_s_m(world, state))
        place = self._place(world, state, own_s)
        signs = Signs.ahead_of(world, place)
        place = stored(signs.passed_slowly(place, styles))
        course = self._course(world, state, place)
        walkers, on_foot, waits = self.walkers, None, None
        velocity = state.velocity_mps
        if walkers is not None and walkers.looks is not None:
            velocity = walkers.intended_mps(world, state)
        passing, held, backs = self.passing, None, None
        stands = None if passing is None else passing.stands(world, state)
        on_paths = lookout.look(world, state, velocity, own_s, course.lateral, stands)
        corridor = stored(lookout.corridor(on_paths, place, course.lateral, stands))
        wishes = course.lateral and stored(Wishes.of(world, state, drivers, place, on_paths))
        if passing is not None and stands is not None and wishes is not None:
            zones = lookout.zones(world, place.path)
            held = stored(
                passing.held(
                    world, state, drivers, lookout.driven, place, on_paths, corridor, stands, zones
                )
            )
            wishes = wishes.and_of(*held.wishes(drivers))
        if walkers is not None:
            on_foot = walkers.met(corridor)
            waits = walkers.waiting(state, on_foot, place)
        following = follow(state, corridor, styles, place, wishes, walkers, on_foot)
        wanted = give_way(world, state, lookout, styles, place, following, signs)
        may_go = wanted >= following.acceleration_mps2
        if wishes is not None:
            choice = choose_lanes(
                world, state, drivers, styles, place, wishes, on_paths, following.acceleration_mps2
            )
            ends = brake_before(wishes.stop_m - 0.5 * place.size_m[..., 0], place, styles)
            wanted = torch.minimum(wanted, torch.minimum(choice.acceleration_mps2, ends))
            position = drivers.pick(state.pose)[..., :2]
            course = course.changed(world, position, choice.path, choice.near_s_m)
        if passing is not None and held is not None and course.lateral is not None:
            keeps = may_go & (course.path == place.path)
            lateral, backs = passing.decide(
                world,
                state,
                drivers,
                place,
                on_paths,
                course.lateral,
                held,
                keeps,
                styles.lane_change_s,
            )
            course = replace(course, lateral=lateral)
            # Who has backed up to get out stays there until the gap comes, and does not close up again.
            assert lateral.line_m is not None
            stays = held.held & (lateral.line_m == 0.0)
            wanted = torch.where(stays, wanted.clamp(max=0.0), wanted)
        done = styles.as_done(
            wanted.clamp(min=-HARDEST_BRAKING_MPS2),
            drivers.pick(state.acceleration_mps2),
            place.speed_mps,
            state.step,
            world.dt_s,
        )
        done = _play(world, state, drivers, done)
        done, near_sign = materialize(done, signs.near)
        moved, drives = advance(world, state, lookout, place, course, done, walkers, waits, backs)
        waited = torch.where(moved.speed_mps < _STANDING_MPS, state.waited_s + world.dt_s, 0.0)
        honours = drivers.spread(near_sign)
        kept = torch.maximum(waited, torch.where(honours, state.waited_s, 0.0))
        kept = torch.where(drives, kept, 0.0)
        if waits is not None:
            kept = torch.where(waits, state.waited_s + world.dt_s, kept)
        return replace(moved, waited_s=kept)

    def _place(self, world: World, state: WorldState, own_s: Float[Tensor, "b d"]) -> Place:
        """The drivers now; cyclists want at most their own speed."""
        drivers, path = self.lookout.drivers, self.lookout.own_path(state)
        cruise = self.styles.speed_factor * world.paths.cruise_at(path, own_s)
        cyclist = drivers.pick(world.kind) == _CYCLIST
        if self.passing is not None:
            cruise = torch.minimum(cruise, drivers.pick(self.passing.most_mps(state)))
        return Place(
            path=path,
            s_m=own_s,
            speed_mps=drivers.pick(state.speed_mps).clamp(min=0.0),
            cruise_mps=torch.where(cyclist, cruise.clamp(max=CYCLIST_CRUISE_MPS), cruise),
            size_m=drivers.pick(world.size_m),
            present=drivers.real & drivers.pick(state.valid),
            waited_s=drivers.pick(state.waited_s),
        )

    def _course(self, world: World, state: WorldState, place: Place) -> Course:
        changes, drivers = world.paths.lane_changes, self.lookout.drivers
        if changes is None:
            return Course(place.path, place.s_m, None)
        changing = changes.styled[world.paths.row].unsqueeze(1) & self.lookout.driven
        from_m = torch.where(changing, drivers.pick(state.change_from_m), 0.0)
        left = drivers.pick(state.change_left)
        line_m = None if self.passing is None else drivers.pick(state.aside_m)
        return Course(
            place.path,
            place.s_m,
            Lateral.of(from_m, left, place.speed_mps, self.styles.lane_change_s, line_m),
        )


def _with_cues(world: World, state: WorldState) -> WorldState:
    """The cues that fall now are noted; who waits for one on foot falls behind the recording."""
    cues = world.cues
    if cues is None:
        return state
    ego_m = state.pose[:, EGO, :2]
    cue_step = cues.fallen(state.cue_step, state.step, ego_m, world.dt_s)
    late = cues.late_steps(cue_step, state.step, state.late_steps, world.dt_s)
    return replace(state, cue_step=cue_step, late_steps=late)


def _play(
    world: World, state: WorldState, drivers: Drivers, acceleration_mps2: Float[Tensor, "b d"]
) -> Float[Tensor, "b d"]:
    """Who has a part to play plays it."""
    if world.cues is None:
        return acceleration_mps2
    every = drivers.spread(acceleration_mps2)
    return drivers.pick(world.cues.played(state.cue_step, state.step, every, world.dt_s))


class UniformTraffic(IdmTraffic):
    """The same drivers everywhere: styles of the scenarios are ignored."""

    @staticmethod
    def of(world: World, drives_ego: bool = False, manner: Manner = "uniform") -> IdmTraffic:
        """As `IdmTraffic.of`, but uniform."""
        return IdmTraffic.of(world, drives_ego, manner)


class HostileTraffic(IdmTraffic):
    """Drivers who never yield and let nobody in, and for the rest are as the scenarios have them."""

    @staticmethod
    def of(world: World, drives_ego: bool = False, manner: Manner = "hostile") -> IdmTraffic:
        """As `IdmTraffic.of`, but hostile."""
        return IdmTraffic.of(world, drives_ego, manner)
