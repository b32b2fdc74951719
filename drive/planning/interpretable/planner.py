"""The interpretable planners: the candidate whose terms, read from forecast occupancy and map, cost least."""

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from drive.features.vectors import observed_scene
from drive.networks.weights import DEFAULT, load_network
from drive.planning.candidates import DT_S
from drive.planning.costs.terms import (
    EACH,
    OF_OTHERS,
    WHOLE,
    Surroundings,
    Terms,
    apart_in,
    others_in,
)
from drive.planning.forecaster import Forecaster
from drive.planning.foretold_planner import ForetoldPlanner
from drive.planning.interpretable.network import (
    InterpretableConfig,
    InterpretableCost,
    foreseen,
)
from drive.planning.interpretable.price_best import price_best
from drive.planning.oncoming import is_wrong_way, kept
from drive.planning.rated import Rated
from sim.errors import InputError
from sim.interface import Observation, Occupancy
from sim.trees import take

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
        """What a sampler proposes, by the weighted sums of its terms.

        Whether somebody is in its way, and whether it goes the wrong way, is asked of as few as may be among
        the best: no term of safety lowers a cost.
        """
        candidates = self.sampler(observation)
        around, path = Surroundings.of(observation, occupancy), candidates.trajectory
        terms, wrong = apart_in(around, path), torch.zeros_like(candidates.valid)

        def price(world: Int[Tensor, " w"], index: Int[Tensor, "w m"]) -> Float[Tensor, "w m"]:
            row = world.unsqueeze(1)
            here = around if len(world) == len(path) else take(around, world)
            some = path[row, index]
            terms.each[row, index, :, : len(OF_OTHERS)] = others_in(here, some)
            if here.observation.map is not None:
                wrong[row, index] = is_wrong_way(here.observation.map, some, candidates.dt_s)
            told = self.weighted(Terms(terms.each[row, index], terms.whole[row, index]), world)
            return torch.where(wrong[row, index], torch.inf, _sum(told))

        every = torch.arange(len(path), device=path.device)
        least = torch.where(candidates.valid, _sum(self.weighted(terms, every)), torch.inf)
        price_best(least, price, self.best)
        weighted = self.weighted(terms, every)
        valid = kept(candidates.valid, wrong)
        return Rated(replace(candidates, valid=valid), _sum(weighted), weighted)

    def weighted(self, terms: Terms, world: Int[Tensor, " w"]) -> dict[str, Float[Tensor, "w k"]]:
        """What each term adds to the cost in those worlds, by name."""
        return self.cost.weighted(terms)


def _sum(weighted: dict[str, Float[Tensor, "w k"]]) -> Float[Tensor, "w k"]:
    return torch.stack(list(weighted.values())).sum(dim=0)


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

    def weighted(self, terms: Terms, world: Int[Tensor, " w"]) -> dict[str, Float[Tensor, "w k"]]:
        """Times the factors."""
        each, whole = self._factor[world].split((len(EACH), len(WHOLE)), dim=1)
        return super().weighted(
            Terms(terms.each * each[:, None, None], terms.whole * whole.unsqueeze(1)), world
        )


class BoldCostPlanner(RandomCostPlanner):
    """As `RandomCostPlanner`, but the others hardly count: how they react to who does not give way.

    A forecast that is given the ego's plan has to have seen plans that no driver would make.
    """

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        """Draw: up to a fifth of the weights of what the others are minded by."""
        super().reset(num_worlds, device, generator)
        drawn = _BOLD * torch.rand(num_worlds, 1, generator=generator, device=generator.device)
        self._factor[:, : len(OF_OTHERS)] *= drawn.to(device)
