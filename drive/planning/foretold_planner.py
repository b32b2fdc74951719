"""`ForetoldPlanner`: what planners share that drive the candidate of least cost where others may be."""

from abc import abstractmethod
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drive.features.example import ExampleSpec
from drive.networks.weights import DEFAULT, TaskNetwork
from drive.planning.candidates import DT_S, Sampler, instants_s
from drive.planning.costs.foretold import GRID, foretold_occupancy
from drive.planning.forecaster import Forecaster, make_forecaster
from drive.planning.futures import Outlook
from drive.planning.rated import Rated, RatedPlanner
from drive.planning.samplers.frenet import FrenetSampler
from sim.geometry.grid import BevGrid
from sim.interface import Needs, Observation, Occupancy


class ForetoldPlanner(RatedPlanner):
    """Candidates along the route, priced over the occupancy that a joint forecast foretells."""

    needs: Needs = ExampleSpec(map=True).needs()

    def __init__(
        self, cost: TaskNetwork, forecaster: Forecaster | None = None, grid: BevGrid = GRID
    ) -> None:
        self.cost = cost
        self._grid = grid
        self._forecaster = forecaster or make_forecaster("joint", DEFAULT)
        self.sampler: Sampler = FrenetSampler()

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        """Move to the device."""
        self.cost.to(device)
        if isinstance(self._forecaster, nn.Module):
            self._forecaster.to(device)

    def rated(self, observation: Observation) -> Rated:
        """By what they cost where the others may be."""
        outlook, occupancy = ahead(self._forecaster, observation, self._grid)
        priced = self.priced(observation, occupancy)
        shown = Occupancy(occupancy, self._grid, DT_S)
        return replace(priced, outlook=outlook, occupancy=shown)

    @abstractmethod
    def priced(self, observation: Observation, occupancy: Float[Tensor, "b t x y"]) -> Rated:
        """What the ego might do, and what that costs."""


def ahead(
    forecaster: Forecaster, observation: Observation, grid: BevGrid = GRID
) -> tuple[Outlook, Float[Tensor, "b t x y"]]:
    """What the others may do, and how likely that takes each cell at the instants of candidates."""
    outlook = Outlook.of(forecaster.predict_joint(observation), observation.agents)
    time_s = instants_s(outlook.probability.device)
    size_m = observation.agents.size_m
    return outlook, foretold_occupancy(outlook.at(time_s), outlook.probability, size_m, grid)
