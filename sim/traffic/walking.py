"""People on foot: they walk after their recording as people can, and wait at the kerb for a gap.

The recording says where somebody crosses. Where scenarios have styles, it does not say when: who
looks waits until the next car is far enough, and walks on later by so much.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim import trees
from sim.compiling import materialize
from sim.dynamics.unicycle import unicycle_step
from sim.geometry import se2
from sim.scenario import AgentKind, Scenario, Yielding
from sim.styles import uniform_styles
from sim.traffic.corridor import Corridor
from sim.traffic.drivers import Place, compact
from sim.traffic.storing import stored
from sim.world import World, WorldState

ACCELERATION_MPS2 = 2.0
YAW_RATE_RADPS = 4.0
CATCH_UP_S = 1.0  # who lags behind the recording makes up for it in about this time
IMPATIENCE_S = 30.0  # of waiting, until half the gap is enough
_STANDING_MPS = 0.1
_KERB_S = 1.2  # before stepping into a strip that cars sweep
_GO_AFTER_S = 0.3
_YIELDING_MPS = 1.0  # slower cars have seen the one who waits
_PEDESTRIAN = int(AgentKind.PEDESTRIAN)  # a plain int: see `sim.traffic.idm`


@dataclass(frozen=True)
class Walkers:
    """W people on foot a world, and how they cross."""

    agent: Int[Tensor, "b w"]  # padding: anybody
    place: Int[Tensor, "b n"]  # of each agent among them; 0 for those who are not on foot
    on_foot: Bool[Tensor, "b n"]
    looks: Bool[Tensor, "b w"] | None  # False for padding, too; None: nobody looks
    accepted_gap_s: Float[Tensor, "b w"]

    @staticmethod
    def of(world: World, uniform: bool) -> "Walkers | None":
        """None where nobody is on foot. Without styles nobody looks: all walk by the clock."""
        scenarios, device = world.scenarios, world.size_m.device
        on_foot = world.kind == _PEDESTRIAN
        if not on_foot.any():
            return None
        looks = [_who_looks(scenario, uniform).numpy() for scenario in scenarios]
        look = trees.stack_padded(looks).to(device)
        gaps = [(s.styles or uniform_styles(s.num_agents)).accepted_gap_s for s in scenarios]
        gap_s = trees.stack_padded(gaps).to(device)
        agent, place = compact(on_foot)
        return Walkers(
            agent=agent,
            place=place,
            on_foot=on_foot,
            looks=torch.gather(look, 1, agent) if look.any() else None,
            accepted_gap_s=torch.gather(gap_s, 1, agent),
        )

    def pick(self, per_agent: Tensor) -> Tensor:
        """`[B, N]` as `[B, W]`."""
        return torch.gather(per_agent, 1, self.agent)

    def met(self, corridor: Corridor) -> Corridor:
        """`[B, D, W]`: of what drivers meet, those on foot."""
        index = self.agent.unsqueeze(1).expand(-1, corridor.gap_m.shape[1], -1)
        return stored(trees.map_tensors(lambda seen: torch.gather(seen, 2, index), corridor))

    def recorded(self, log: Tensor, instant: Int[Tensor, "b w"]) -> Tensor:
        """What the recording says of each walker at its own instant; of the others it says anything."""
        world = torch.arange(len(log), device=log.device).unsqueeze(1)
        return log[world, self.agent, instant][world, self.place]

    def intended_mps(self, world: World, state: WorldState) -> Float[Tensor, "b n 2"]:
        """Velocities; of those who wait at the kerb, that with which they mean to cross."""
        waits = self.on_foot & (state.waited_s > 0.0)
        instant = self.own_instant(world, state.step, state.late_steps)
        meant = self.recorded(world.log.velocity_mps, instant)
        return torch.where(waits.unsqueeze(-1), meant, state.velocity_mps)

    def own_instant(
        self, world: World, step: Int[Tensor, " b"], late: Int[Tensor, "b n"]
    ) -> Int[Tensor, "b w"]:
        """The instant of the recording that each is at."""
        last = world.log.valid.shape[2] - 1
        return (step.unsqueeze(1) - self.pick(late)).clamp(0, last)

    def spread(self, per_walker: Bool[Tensor, "b d w"]) -> Bool[Tensor, "b d n"]:
        """`[B, D, W]` as `[B, D, N]`; False for those who are not on foot."""
        index = self.place.unsqueeze(1).expand(-1, per_walker.shape[1], -1)
        return torch.gather(per_walker, 2, index) & self.on_foot.unsqueeze(1)

    def waiting(self, state: WorldState, met: Corridor, place: Place) -> Bool[Tensor, "b n"] | None:
        """Who stays at the kerb in this step: about to step into the way of a car that comes too soon.

        None: nobody ever does.
        """
        if self.looks is None:
            return None
        offset, across = met.offset_m, met.across_mps
        speed = place.speed_mps.unsqueeze(2)
        towards = torch.where(offset > 0.0, -across, across).clamp(min=_STANDING_MPS)
        steps_in_s = (offset.abs() - met.reach_m) / towards
        arrives_s = met.gap_m / speed.clamp(min=_YIELDING_MPS)
        passes_s = arrives_s + place.size_m[..., :1] / speed.clamp(min=_YIELDING_MPS)
        patience = (1.0 - 0.5 * self.pick(state.waited_s) / IMPATIENCE_S).clamp(min=0.5)
        enough_s = (patience * self.accepted_gap_s).unsqueeze(1)
        at_kerb = (steps_in_s > 0.0) & (steps_in_s < _KERB_S)
        comes = (speed > _YIELDING_MPS) & (passes_s + _GO_AFTER_S > steps_in_s)
        comes = comes & (arrives_s < steps_in_s + enough_s) & place.present.unsqueeze(2)
        in_the_way = (steps_in_s <= 0.0).any(dim=1)
        waits = self.looks & (at_kerb & comes).any(dim=1) & ~in_the_way
        nobody = torch.zeros_like(state.valid)
        (waits,) = materialize(nobody.scatter(1, self.agent, waits) & state.valid)
        return waits


def _who_looks(scenario: Scenario, uniform: bool) -> Bool[Tensor, " n"]:
    on_foot = torch.from_numpy(scenario.tracks.kind == AgentKind.PEDESTRIAN)
    if scenario.styles is None or uniform:
        return torch.zeros_like(on_foot)
    return on_foot & torch.from_numpy(scenario.styles.yields != Yielding.NEVER)


def walk(
    world: World,
    state: WorldState,
    recorded: WorldState,
    walkers: Walkers | None,
    waits: Bool[Tensor, "b n"] | None,
) -> WorldState:
    """`recorded` (the next instant of the log), but who was and is on foot walks there.

    The speed wanted is the recorded one and what closes the lag; the heading that of the way to go.
    `waits`: those who stay where they are, and do the rest later.
    """
    if walkers is None:
        return recorded
    on_foot = walkers.on_foot & state.valid
    if waits is not None or world.cues is not None:
        stays = torch.zeros_like(on_foot) if waits is None else waits
        recorded = _later(world, state, recorded, walkers, stays)
    on_foot = on_foot & recorded.valid
    lag = recorded.pose[..., :2] - recorded.velocity_mps * world.dt_s - state.pose[..., :2]
    wanted = recorded.velocity_mps + lag / CATCH_UP_S
    wanted_mps = torch.linalg.vector_norm(wanted, dim=-1)
    speed = state.speed_mps.clamp(min=0.0)
    course = torch.atan2(wanted[..., 1], wanted[..., 0])
    course = torch.where(wanted_mps > _STANDING_MPS, course, recorded.pose[..., 2])
    turn = se2.wrap_angle(course - state.pose[..., 2])
    # Facing away, first turn.
    wanted_mps = wanted_mps * torch.cos(turn).clamp(min=0.0)
    push = ((wanted_mps - speed) / world.dt_s).clamp(-ACCELERATION_MPS2, ACCELERATION_MPS2)
    rate = (turn / world.dt_s).clamp(-YAW_RATE_RADPS, YAW_RATE_RADPS)
    pose, next_speed = unicycle_step(state.pose, speed, push, rate, world.dt_s)
    heading = torch.stack((torch.cos(pose[..., 2]), torch.sin(pose[..., 2])), dim=-1)
    pick = on_foot.unsqueeze(-1)
    return replace(
        recorded,
        pose=torch.where(pick, pose, recorded.pose),
        velocity_mps=torch.where(pick, next_speed.unsqueeze(-1) * heading, recorded.velocity_mps),
        acceleration_mps2=torch.where(on_foot, push, recorded.acceleration_mps2),
    )


def _later(
    world: World,
    state: WorldState,
    recorded: WorldState,
    walkers: Walkers,
    waits: Bool[Tensor, "b n"],
) -> WorldState:
    """`recorded`, but of those on foot the instant that their waiting leaves them at."""
    on_foot, log = walkers.on_foot & state.valid, world.log
    late = state.late_steps + (waits & on_foot)
    instant = walkers.own_instant(world, state.step + 1, late)
    pose = walkers.recorded(log.pose, instant)
    velocity = walkers.recorded(log.velocity_mps, instant)
    # Facing where they mean to go.
    velocity = torch.where(waits.unsqueeze(-1), 0.0, velocity)
    own = (on_foot & (late != 0)).unsqueeze(-1)
    goes_on = (state.step < log.valid.shape[2] - 1).unsqueeze(1)
    there = walkers.recorded(log.valid, instant)
    return replace(
        recorded,
        pose=torch.where(own, pose, recorded.pose),
        velocity_mps=torch.where(own, velocity, recorded.velocity_mps),
        valid=torch.where(own.squeeze(-1), there & goes_on, recorded.valid),
        late_steps=late,
    )
