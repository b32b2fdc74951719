"""The interpretable planners: the candidate whose terms, read from forecast occupancy and map, cost least."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drive.features.example import ExampleSpec
from drive.networks.weights import DEFAULT, load_network
from drive.planning.candidates import DT_S, POINTS
from drive.planning.costs.foretold import GRID, foretold_occupancy
from drive.planning.costs.terms import EACH, WHOLE, Terms, terms_of
from drive.planning.forecaster import Forecaster, make_forecaster
from drive.planning.futures import Outlook
from drive.planning.interpretable.network import InterpretableConfig, InterpretableCost
from drive.planning.rated import Rated, RatedPlanner
from drive.planning.samplers.frenet import FrenetSampler
from sim.interface import Needs, Observation, Occupancy

_SPREAD = 0.6  # of the logarithm of a drawn weight


class InterpretablePlanner(RatedPlanner):
    """P3's planner (Sadat et al. 2020) over the occupancy that a joint forecast foretells."""

    needs: Needs = ExampleSpec().needs()

    def __init__(self, weights: str = DEFAULT, forecaster: Forecaster | None = None) -> None:
        self.cost = self.make_cost(weights)
        self._forecaster = forecaster or make_forecaster("joint", DEFAULT)
        self._sampler = FrenetSampler()

    def make_cost(self, weights: str) -> InterpretableCost:
        """The trained one."""
        return load_network(InterpretableCost, weights)[0]

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        """Move to the device."""
        self.cost.to(device)
        if isinstance(self._forecaster, nn.Module):
            self._forecaster.to(device)

    def rated(self, observation: Observation) -> Rated:
        """By the terms of each, in the occupancy that is foretold."""
        candidates = self._sampler(observation)
        outlook = Outlook.of(self._forecaster.predict_joint(observation), observation.agents)
        occupancy = occupancy_ahead(observation, outlook)
        cost = self.costs(terms_of(observation, candidates, occupancy))
        return Rated(candidates, cost, outlook, Occupancy(occupancy, GRID, DT_S))

    def costs(self, terms: Terms) -> Float[Tensor, "b k"]:
        """Of each candidate."""
        each, whole = self.cost(terms)
        return each.sum(dim=2) + whole


class HandCostPlanner(InterpretablePlanner):
    """The same terms with weights that nobody learned."""

    def __init__(self, forecaster: Forecaster | None = None) -> None:
        super().__init__("", forecaster)

    def make_cost(self, weights: str) -> InterpretableCost:
        """Untrained."""
        return InterpretableCost(InterpretableConfig()).eval()


class RandomCostPlanner(HandCostPlanner):
    """The hand-tuned weights, each times a factor that is drawn for every world: drivers of many kinds.

    The best of several such drives of a scenario is a demonstration that nobody had to give.
    """

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        """Draw: log-normal, so that a weight of 2 becomes 1.1 to 3.6 in two worlds of three."""
        super().reset(num_worlds, device, generator)
        number = len(EACH) + len(WHOLE)
        drawn = torch.randn(num_worlds, number, generator=generator, device=generator.device)
        self._factor = (_SPREAD * drawn).exp().to(device)

    def costs(self, terms: Terms) -> Float[Tensor, "b k"]:
        """With the factors."""
        each, whole = self._factor.split((len(EACH), len(WHOLE)), dim=1)
        return super().costs(
            Terms(terms.each * each[:, None, None], terms.whole * whole.unsqueeze(1))
        )


def occupancy_ahead(observation: Observation, outlook: Outlook) -> Float[Tensor, "b t x y"]:
    """At the instants of candidates."""
    time_s = DT_S * torch.arange(1, POINTS + 1, device=outlook.probability.device)
    futures = outlook.at(time_s)
    return foretold_occupancy(futures, outlook.probability, observation.agents.size_m)
