"""Reactive traffic: the Intelligent Driver Model along lane routes (Treiber et al. 2000).

A driver follows its own path with both axles on it, keeps behind whoever is in the strip it sweeps,
stops for lights and signs, lets pedestrians cross, and settles conflicts with others by right of
way and gap (`sim.traffic.conflicts`). Agents without a path follow the recording.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sim import trees
from sim.compiling import materialize
from sim.geometry import box
from sim.scenario import EGO, AgentKind, Yielding
from sim.traffic.conflicts import Driver, yield_to_others
from sim.traffic.corridor import Corridor, Lookout
from sim.traffic.driver_styles import DriverStyles
from sim.traffic.drivers import Drivers
from sim.traffic.idm_law import idm_acceleration
from sim.traffic.log_replay import replay, replay_from
from sim.traffic.walking import walk
from sim.world import World, WorldState

HARDEST_BRAKING_MPS2 = 8.0
SIDE_MARGIN_M = 0.25
STOP_SHORT_M = 1.0  # before a line or a conflict zone
CREEP_SHORT_M = 0.2  # the same of those who creep, before a conflict zone
STOP_SIGN_WAIT_S = 1.0
ROLLING_MPS = 2.2  # over a stop sign's line, by those who do not halt
ROLLING_BRAKING_MPS2 = 1.5
EVIDENT_BRAKING_MPS2 = 4.0  # who would need more than this to stop at a red light will not
PEDESTRIAN_HORIZON_S = 3.0
CYCLIST_CRUISE_MPS = 5.0
_STANDING_MPS = 0.3
# Plain ints: compiled, a tensor compared with an enum's member is silently False.
_CYCLIST, _PEDESTRIAN = int(AgentKind.CYCLIST), int(AgentKind.PEDESTRIAN)
_CREEPS = int(Yielding.CREEPS)


@dataclass(frozen=True)
class IdmTraffic:
    """Drives every agent that has a path, of the worlds that it was made for."""

    lookout: Lookout
    styles: DriverStyles

    @staticmethod
    def of(world: World, drives_ego: bool = False, uniform: bool = False) -> "IdmTraffic":
        """For the scenarios of a world; with `drives_ego` the ego as well (to record it).

        `uniform`: all drivers alike, whatever styles the scenarios have.
        """
        lookout = Lookout.of(world, drives_ego)
        styles = DriverStyles.of(world.scenarios, lookout.drivers, world.dt_s, uniform)
        return IdmTraffic(lookout, styles)

    def act(self, world: World, state: WorldState) -> WorldState:
        """The state one step later."""
        state = _with_cues(world, state)
        (own_s,) = materialize(self.lookout.own_s_m(world, state))
        acceleration, near_sign = materialize(*self._accelerate(world, state, own_s))
        acceleration = self._play(world, state, acceleration)
        moved, drives = self._advance(world, state, own_s, acceleration)
        waited = torch.where(moved.speed_mps < _STANDING_MPS, state.waited_s + world.dt_s, 0.0)
        honours = self.lookout.drivers.spread(near_sign)
        kept = torch.maximum(waited, torch.where(honours, state.waited_s, 0.0))
        return replace(moved, waited_s=torch.where(drives, kept, 0.0))

    def _accelerate(
        self, world: World, state: WorldState, own_s: Tensor
    ) -> tuple[Float[Tensor, "b d"], Bool[Tensor, "b d"]]:
        """Acceleration, and who is close to a stop sign that it must halt at."""
        paths, drivers, styles = world.paths, self.lookout.drivers, self.styles
        law = styles.law
        speed = drivers.pick(state.speed_mps).clamp(min=0.0)
        length_m = drivers.pick(world.size_m)[..., 0]
        waited_s = drivers.pick(state.waited_s)
        corridor = self.lookout.look_along_paths(world, state, own_s)
        row = paths.row.unsqueeze(1)
        front = own_s + 0.5 * length_m
        stops, lights = (t[row, drivers.path] for t in (paths.stop_s_m, paths.stop_light))
        is_sign = paths.stop_is_sign[row, drivers.path]
        sign_gap, near_sign = _stop_sign_gap(stops, is_sign, front, waited_s)
        cruise = self._cruise(world, own_s)
        rolling = torch.sqrt(ROLLING_MPS**2 + 2.0 * ROLLING_BRAKING_MPS2 * sign_gap.clamp(min=0.0))
        cruise = torch.where(styles.rolls_stop, torch.minimum(cruise, rolling), cruise)
        sign_gap = torch.where(styles.rolls_stop, torch.inf, sign_gap)
        blocks = _in_the_way(corridor, speed, length_m, world)
        lead = idm_acceleration(
            speed.unsqueeze(2), cruise.unsqueeze(2),
            torch.where(blocks, corridor.gap_m, torch.inf),
            torch.where(blocks, corridor.along_mps, 0.0).clamp(min=0.0),
            trees.map_tensors(lambda value: value.unsqueeze(2), law),
        ).amin(dim=2)  # fmt: skip
        nearest, index = torch.where(blocks, corridor.gap_m, torch.inf).min(dim=2)
        closed = paths.next_closed_line(stops, lights, world.lights_at(state.step), front, speed)
        evident = speed**2 > 2.0 * EVIDENT_BRAKING_MPS2 * (closed - front)
        driver = Driver(
            s_m=own_s,
            speed_mps=speed,
            cruise_mps=cruise,
            length_m=length_m,
            present=drivers.real & drivers.pick(state.valid),
            waited_s=waited_s,
            closed_s_m=torch.where(styles.runs_red & evident, torch.inf, closed),
            lead_gap_m=nearest,
            lead_speed_mps=torch.gather(corridor.along_mps, 2, index.unsqueeze(2)).squeeze(2),
            margin_s=styles.margin_s,
            yields=styles.yields,
        )
        closed = torch.where(styles.runs_red, torch.inf, closed)
        giving_way = yield_to_others(drivers, driver)
        creep_m = torch.where(styles.yields == _CREEPS, STOP_SHORT_M - CREEP_SHORT_M, 0.0)
        stop_gap = torch.minimum(giving_way.stop_gap_m + creep_m, closed - front)
        stop_gap = torch.minimum(stop_gap, sign_gap)
        stop_gap = (stop_gap - STOP_SHORT_M + law.min_gap_m).clamp(min=0.1)
        stop = idm_acceleration(speed, cruise, stop_gap, torch.zeros_like(speed), law)
        zones = drivers.zones
        merge = idm_acceleration(
            zones.of_driver(speed), zones.of_driver(cruise),
            giving_way.virtual_gap_m.clamp(min=0.5), giving_way.virtual_speed_mps,
            trees.map_tensors(zones.of_driver, law),
        )  # fmt: skip
        merge = torch.maximum(zones.least(merge, speed), -styles.braking_mps2)
        wanted = torch.minimum(torch.minimum(lead, stop), merge).clamp(min=-HARDEST_BRAKING_MPS2)
        before = drivers.pick(state.acceleration_mps2)
        return styles.as_done(wanted, before, speed, state.step, world.dt_s), near_sign

    def _play(
        self, world: World, state: WorldState, acceleration: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b d"]:
        """Who has a part to play plays it."""
        if world.cues is None:
            return acceleration
        drivers = self.lookout.drivers
        played = world.cues.played(
            state.cue_step, state.step, drivers.spread(acceleration), world.dt_s
        )
        return drivers.pick(played)

    def _cruise(self, world: World, own_s: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """The speed that each driver wants here; cyclists at most their own."""
        drivers = self.lookout.drivers
        cruise = self.styles.speed_factor * world.paths.cruise_at(drivers.path, own_s)
        cyclist = drivers.pick(world.kind) == _CYCLIST
        return torch.where(cyclist, cruise.clamp(max=CYCLIST_CRUISE_MPS), cruise)

    def _advance(
        self, world: World, state: WorldState, own_s: Tensor, acceleration: Tensor
    ) -> tuple[WorldState, Bool[Tensor, "b n"]]:
        """Integrate along the paths; replay the rest; let in who enters, drop who has left.

        Also: who was driven.
        """
        paths, drivers, dt = world.paths, self.lookout.drivers, world.dt_s
        speed = drivers.pick(state.speed_mps).clamp(min=0.0)
        next_speed = (speed + acceleration * dt).clamp(min=0.0)
        s = own_s + 0.5 * (speed + next_speed) * dt
        on_path = paths.pose_at(drivers.path, s, drivers.pick(world.wheelbase_m))
        on_path, s, next_speed = materialize(on_path, s, next_speed)
        end = paths.num_points[paths.row.unsqueeze(1), drivers.path] - 1
        arrived = drivers.spread(s + 0.5 * drivers.pick(world.size_m)[..., 0] > end)
        replayed = walk(world, state, _recorded(world, state))
        has_path = paths.agent_path >= 0
        drives = has_path & state.valid
        if not self.lookout.drives_ego:
            drives = drives & (torch.arange(drives.shape[1], device=s.device) != EGO)
        waiting = has_path & ~state.valid & (state.path_s_m < 0.0) & replayed.valid
        enters = waiting & _is_free(world, drivers, state, replayed.pose)
        entry = (state.step + 1).clamp(max=paths.entry_s_m.shape[2] - 1)
        entry_s = paths.entry_s_m[paths.row, :, entry]
        own = torch.where(drives, drivers.spread(s), state.path_s_m)
        heading = torch.stack((torch.cos(on_path[..., 2]), torch.sin(on_path[..., 2])), dim=-1)
        velocity = drivers.spread(next_speed.unsqueeze(-1) * heading)
        push = drivers.spread((next_speed - speed) / dt)
        pick = drives.unsqueeze(-1)
        moved = replace(
            replayed,
            step=state.step + 1,
            pose=torch.where(pick, drivers.spread(on_path), replayed.pose),
            velocity_mps=torch.where(pick, velocity, replayed.velocity_mps),
            acceleration_mps2=torch.where(drives, push, replayed.acceleration_mps2),
            valid=torch.where(has_path, (drives & ~arrived) | enters, replayed.valid),
            path_s_m=torch.where(enters, entry_s, own),
        )
        return moved, drives


class UniformTraffic(IdmTraffic):
    """The same drivers everywhere: styles of the scenarios are ignored."""

    @staticmethod
    def of(world: World, drives_ego: bool = False, uniform: bool = True) -> IdmTraffic:
        """As `IdmTraffic.of`, but uniform."""
        return IdmTraffic.of(world, drives_ego, uniform)


def _with_cues(world: World, state: WorldState) -> WorldState:
    """The cues that fall now are noted."""
    if world.cues is None:
        return state
    ego_m = state.pose[:, EGO, :2]
    return replace(state, cue_step=world.cues.fallen(state.cue_step, state.step, ego_m, world.dt_s))


def _recorded(world: World, state: WorldState) -> WorldState:
    """Everyone where the recording goes on, for those on foot who wait for a cue later."""
    if world.cues is None:
        return replay(world, state)
    instant = world.cues.recorded_step(state.cue_step, state.step, world.dt_s)
    return replay_from(world, state, instant)


def _in_the_way(
    corridor: Corridor, speed_mps: Tensor, length_m: Tensor, world: World
) -> Bool[Tensor, "b d n"]:
    """Whom a driver must keep behind: those in its strip, and those on foot about to step in."""
    speed, length = speed_mps.unsqueeze(2), length_m.unsqueeze(2)
    offset, reach = corridor.offset_m.abs(), corridor.reach_m + SIDE_MARGIN_M
    ahead = corridor.near & (corridor.gap_m > -0.5 * length)
    on_foot = (world.kind == _PEDESTRIAN).unsqueeze(1)
    approach = torch.where(corridor.offset_m > 0.0, -corridor.across_mps, corridor.across_mps)
    enters_s = (offset - reach) / approach.clamp(min=0.1)
    arrives_s = corridor.gap_m / speed.clamp(min=1.0)
    passes_s = arrives_s + (length + 2.0) / speed.clamp(min=1.0)
    steps_in = (approach > 0.3) & (enters_s < PEDESTRIAN_HORIZON_S + 1.0)
    steps_in = steps_in & (enters_s < passes_s + 0.5)
    steps_in = steps_in & (enters_s < arrives_s + PEDESTRIAN_HORIZON_S)
    stoppable = corridor.gap_m > speed**2 / (2.0 * HARDEST_BRAKING_MPS2)
    return ahead & ((offset < reach) | (on_foot & steps_in & stoppable))


def _stop_sign_gap(
    stops: Tensor, is_sign: Tensor, front: Tensor, waited_s: Tensor
) -> tuple[Tensor, Tensor]:
    """Distance to the next stop sign not yet honoured (inf: none), and who is close to one."""
    gap = stops - front.unsqueeze(2)
    gap = torch.where(is_sign & (gap > -0.5), gap, torch.inf).amin(dim=2)
    near = gap < 3.0
    return torch.where(near & (waited_s >= STOP_SIGN_WAIT_S), torch.inf, gap), near


def _is_free(
    world: World, drivers: Drivers, state: WorldState, entering: Float[Tensor, "b n 3"]
) -> Bool[Tensor, "b n"]:
    """Whether the place where each late driver would appear is empty (1 m around)."""
    late, size = drivers.late, world.size_m[..., :2]
    if late.shape[1] == 0:
        return torch.ones_like(state.valid)
    row = torch.arange(len(late), device=late.device).unsqueeze(1)
    depth = box.penetration_m(
        entering[row, late].unsqueeze(2), size[row, late].unsqueeze(2) + 1.0,
        state.pose.unsqueeze(1), size.unsqueeze(1),
    )  # fmt: skip
    agent = torch.arange(size.shape[1], device=size.device)
    taken = (depth > 0.0) & state.valid.unsqueeze(1) & (agent != late.unsqueeze(2))
    return torch.gather(~taken.any(dim=2), 1, drivers.late_place)
