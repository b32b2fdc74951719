"""`Drivers`: the agents that have a path, in a place of their own.

Most of those who stand around a recorded scene are parked. What concerns drivers alone is computed
for D drivers instead of N agents.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from sim.path_relations import DriverZones
from sim.paths import Paths


@dataclass(frozen=True)
class Drivers:
    """D drivers a world, in the order of their agents: the ego, which always has a path, is first.

    Padding: an agent without a path, `real` False.
    """

    agent: Int[Tensor, "b d"]
    path: Int[Tensor, "b d"]  # 0 where not real
    real: Bool[Tensor, "b d"]
    place: Int[Tensor, "b n"]  # of each agent among the drivers; 0 for those who are none
    zones: DriverZones

    @staticmethod
    def of(paths: Paths) -> "Drivers":
        """Found once for a batch."""
        has_path = paths.agent_path >= 0
        order = torch.argsort(has_path.int(), dim=1, descending=True, stable=True)
        agent = order[:, : int(has_path.sum(dim=1).max())]
        path = torch.gather(paths.agent_path, 1, agent)
        place = torch.where(has_path, has_path.cumsum(dim=1) - 1, 0)
        return Drivers(agent, path.clamp(min=0), path >= 0, place, paths.relations.of_drivers(path))

    def pick(self, per_agent: Tensor) -> Tensor:
        """`[B, N, ...]` as `[B, D, ...]`."""
        world = torch.arange(len(self.agent), device=self.agent.device).unsqueeze(1)
        return per_agent[world, self.agent]

    def spread(self, per_driver: Tensor) -> Tensor:
        """`[B, D, ...]` as `[B, N, ...]`; agents that are no drivers get the ego's."""
        world = torch.arange(len(self.place), device=self.place.device).unsqueeze(1)
        return per_driver[world, self.place]
