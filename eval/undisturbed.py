"""The same worlds without an ego: what everybody else would have done. Metrics compare with it."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sim.scenario import EGO
from sim.simulator import Simulator
from sim.traffic.log_replay import LogReplay
from sim.world import WorldState

_AWAY_M = 1e5  # nobody looks so far


@dataclass(frozen=True)
class Undisturbed:
    """What N agents do at T instants in B worlds that have no ego; agent 0 is not there."""

    acceleration_mps2: Float[Tensor, "b t n"]
    valid: Bool[Tensor, "b t n"]

    @staticmethod
    def of(simulator: Simulator) -> "Undisturbed | None":
        """From the start to the end of the recordings; None where the traffic heeds no ego (log replay).

        Whatever is random in drivers follows from the scenario, so it is the same as with an ego.
        """
        if isinstance(simulator.traffic, LogReplay):
            return None
        world = simulator.world
        states = [_without_ego(simulator.reset())]
        for _ in range(world.num_steps):
            states.append(_without_ego(simulator.traffic.act(world, states[-1])))
        return Undisturbed(
            torch.stack([state.acceleration_mps2 for state in states], dim=1),
            torch.stack([state.valid for state in states], dim=1),
        )


def _without_ego(state: WorldState) -> WorldState:
    is_ego = torch.arange(state.valid.shape[1], device=state.valid.device) == EGO
    return replace(
        state,
        pose=torch.where(is_ego.unsqueeze(-1), _AWAY_M, state.pose),
        velocity_mps=torch.where(is_ego.unsqueeze(-1), 0.0, state.velocity_mps),
        acceleration_mps2=torch.where(is_ego, 0.0, state.acceleration_mps2),
        valid=state.valid & ~is_ego,
        past=None,
        seen=None,
    )
