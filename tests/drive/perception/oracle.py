"""A detector that knows: true boxes as detections, with noise if that is asked for."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.perception.detections import Detections
from drive.perception.perceiving import Perceiving
from sim.geometry.grid import BevGrid
from sim.interface import Controls, Observation, Plan, Planner


class Oracle:
    """Finds everybody whose centre lies in the grid, however hidden, as it is told before each look."""

    def __init__(self, noise_m: float = 0.0, seed: int = 0) -> None:
        self.noise_m, self.generator = noise_m, torch.Generator().manual_seed(seed)
        self.observation: Observation | None = None

    def detect(
        self, point_m: Float[Tensor, "b p 3"], valid: Bool[Tensor, "b p"], grid: BevGrid
    ) -> Detections:
        """True boxes, turned by half a turn where their number is even."""
        assert self.observation is not None
        agents = self.observation.agents
        place, yaw = (
            agents.pose[..., :2],
            agents.pose[..., 2:] + torch.pi * (agents.id % 2).unsqueeze(-1),
        )
        place = place + self.noise_m * torch.randn(place.shape, generator=self.generator)
        height = torch.full_like(yaw, 1.6)
        box = torch.cat((place, 0.5 * height, agents.size_m, height, yaw), dim=-1)
        held = agents.valid & grid.holds(*grid.cells(*place.unbind(-1)))
        score = torch.where(held, 0.4, 0.0)
        order = score.argsort(dim=1, descending=True, stable=True)
        return Detections(
            box.gather(1, order.unsqueeze(-1).expand(box.shape)), score.gather(1, order)
        )


class Told(Perceiving):
    """As `Perceiving`, with an oracle that is told what is there."""

    def __init__(self, planner: Planner, oracle: Oracle) -> None:
        super().__init__(planner, oracle)
        self._oracle = oracle

    def plan(self, observation: Observation) -> Plan | Controls:
        self._oracle.observation = observation
        return super().plan(observation)
