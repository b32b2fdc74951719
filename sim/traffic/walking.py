"""Pedestrians: they walk after their recording as people can, by the unicycle."""

from dataclasses import replace

import torch

from sim.dynamics.unicycle import unicycle_step
from sim.geometry import se2
from sim.scenario import AgentKind
from sim.world import World, WorldState

ACCELERATION_MPS2 = 2.0
YAW_RATE_RADPS = 4.0
CATCH_UP_S = 1.0  # who lags behind the recording makes up for it in about this time
_STANDING_MPS = 0.1
_PEDESTRIAN = int(AgentKind.PEDESTRIAN)  # a plain int: see `sim.traffic.idm`


def walk(world: World, state: WorldState, recorded: WorldState) -> WorldState:
    """`recorded` (the next instant of the log), but who was and is on foot walks there.

    The speed wanted is the recorded one and what closes the lag; the heading that of the way to go.
    """
    on_foot = (world.kind == _PEDESTRIAN) & state.valid & recorded.valid
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
