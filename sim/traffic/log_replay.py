"""Log replay: everyone does what the recording says, whatever the ego does."""

from dataclasses import dataclass, replace

import torch

from sim.world import World, WorldState


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
    row = torch.arange(len(state.step), device=state.step.device)
    now, then = state.step.clamp(max=last), (state.step + 1).clamp(max=last)
    moved = replace(
        state,
        pose=log.pose[row, :, then],
        velocity_mps=log.velocity_mps[row, :, then],
        valid=log.valid[row, :, then] & (state.step < last).unsqueeze(1),
    )
    before = replace(moved, pose=log.pose[row, :, now], velocity_mps=log.velocity_mps[row, :, now])
    acceleration = (moved.speed_mps - before.speed_mps) / world.dt_s
    return replace(moved, acceleration_mps2=acceleration)
