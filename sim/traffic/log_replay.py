"""Log replay: everyone does what the recording says, whatever the ego does."""

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.world import World, WorldState


class LogReplay:
    """Non-reactive traffic. After the recording ends everyone is gone."""

    def act(self, world: "World", state: "WorldState") -> "WorldState":
        """The recorded state of the next step."""
        last = world.log.valid.shape[2] - 1
        now = min(state.step, last)
        then = min(state.step + 1, last)
        moved = replace(
            state,
            pose=world.log.pose[:, :, then],
            velocity_mps=world.log.velocity_mps[:, :, then],
            valid=world.log.valid[:, :, then] & (state.step < last),
        )
        before = replace(
            moved, pose=world.log.pose[:, :, now], velocity_mps=world.log.velocity_mps[:, :, now]
        )
        acceleration = (moved.speed_mps - before.speed_mps) / world.dt_s
        return replace(moved, acceleration_mps2=acceleration)
