"""Log replay: everyone does what the recording says, whatever the ego does."""

from dataclasses import dataclass, replace

import torch

from sim.world import World, WorldState, speed_along


@dataclass(frozen=True)
class LogReplay:
    """Non-reactive traffic. After the recording ends everyone is gone."""

    @staticmethod
    def of(world: World) -> "LogReplay":
        """Nothing has to be prepared."""
        return LogReplay()

    def act(self, world: World, state: WorldState) -> WorldState:
        """The recorded state of the next step."""
        return replay(world, state)


def replay(world: World, state: WorldState) -> WorldState:
    """`state` one step later, with everyone where the recording says."""
    log, last = world.log, world.log.valid.shape[2] - 1
    instant = torch.stack((state.step, state.step + 1), dim=1).clamp(max=last)
    instant = instant[:, None, :, None].expand(-1, log.valid.shape[1], -1, -1)
    pose = torch.gather(log.pose, 2, instant.expand(-1, -1, -1, 3))
    velocity_mps = torch.gather(log.velocity_mps, 2, instant.expand(-1, -1, -1, 2))
    before_mps, speed_mps = speed_along(pose, velocity_mps).unbind(2)
    return replace(
        state,
        pose=pose[:, :, 1],
        velocity_mps=velocity_mps[:, :, 1],
        acceleration_mps2=(speed_mps - before_mps) / world.dt_s,
        valid=torch.gather(log.valid, 2, instant[:, :, 1]).squeeze(2)
        & (state.step < last).unsqueeze(1),
    )
