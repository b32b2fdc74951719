"""The interpretable planners: the candidate whose terms, read from forecast occupancy and map, cost least."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from drive.features.vectors import observed_scene
from drive.networks.weights import DEFAULT, load_network
from drive.planning.candidates import DT_S
from drive.planning.costs.terms import EACH, OF_OTHERS, WHOLE, Terms, terms_of
from drive.planning.forecaster import Forecaster
from drive.planning.foretold_planner import ForetoldPlanner
from drive.planning.interpretable.network import (
    InterpretableConfig,
    InterpretableCost,
    foreseen,
)
from drive.planning.oncoming import without_wrong_way
from drive.planning.rated import Rated
from sim.errors import InputError
from sim.interface import Observation, Occupancy

_SPREAD = 0.6  # of the logarithm of a drawn weight
_BOLD = 0.2  # of a weight, at most


class InterpretablePlanner(ForetoldPlanner):
    """P3's planner (Sadat et al. 2020) over the occupancy that a joint forecast foretells; with weights that
    were trained end to end, over that of the network which was trained with them."""

    cost: InterpretableCost

    def __init__(self, weights: str = DEFAULT, forecaster: Forecaster | None = None) -> None:
        cost = self.make_cost(weights)
        if forecaster is not None and cost.foresight is not None:
            raise InputError(
                f"--forecast: {weights} was trained end to end, and foresees by itself"
            )
        super().__init__(cost, forecaster)

    def make_cost(self, weights: str) -> InterpretableCost:
        """The trained one."""
        return load_network(InterpretableCost, weights)[0]

    def rated(self, observation: Observation) -> Rated:
        """By what they cost where the others may be."""
        if self.cost.foresight is None:
            return super().rated(observation)
        occupancy = foreseen(self.cost.foresight(observed_scene(observation)))
        shown = Occupancy(occupancy, self._grid, DT_S)
        return replace(self.priced(observation, occupancy), occupancy=shown)

    def priced(self, observation: Observation, occupancy: Float[Tensor, "b t x y"]) -> Rated:
        """What a sampler proposes, by the weighted sums of its terms."""
        candidates = without_wrong_way(observation, self._sampler(observation))
        weighted = self.cost.weighted(self.seen(terms_of(observation, candidates, occupancy)))
        return Rated(candidates, torch.stack(list(weighted.values())).sum(dim=0), weighted)

    def seen(self, terms: Terms) -> Terms:
        """As they are."""
        return terms


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

    def seen(self, terms: Terms) -> Terms:
        """Times the factors."""
        each, whole = self._factor.split((len(EACH), len(WHOLE)), dim=1)
        return Terms(terms.each * each[:, None, None], terms.whole * whole.unsqueeze(1))


class BoldCostPlanner(RandomCostPlanner):
    """As `RandomCostPlanner`, but the others hardly count: how they react to who does not give way.

    A forecast that is given the ego's plan has to have seen plans that no driver would make.
    """

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        """Draw: up to a fifth of the weights of what the others are minded by."""
        super().reset(num_worlds, device, generator)
        drawn = _BOLD * torch.rand(num_worlds, 1, generator=generator, device=generator.device)
        self._factor[:, : len(OF_OTHERS)] *= drawn.to(device)
