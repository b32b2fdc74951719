"""The candidates that the others are reasoned about for: as many as each of them has trajectories."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.planning.candidates import Candidates, instants_s
from drive.planning.costs.foretold import foretold_occupancy
from drive.planning.costs.terms import Surroundings, Terms, each_in, terms_in
from drive.planning.futures import Futures, Outlook
from drive.planning.interpretable.network import InterpretableCost
from drive.planning.social.samples import Samples
from sim.interface import Observation

_BOLD = 0.2  # of what safety costs: by that one half is chosen, by all of it the other


@dataclass(frozen=True)
class Shortlist:
    """K candidates, and their terms where the road users of the samples are left out."""

    candidates: Candidates
    terms: Terms
    occupancy: Float[Tensor, "b t x y"]  # of everybody

    @staticmethod
    def of(
        observation: Observation,
        candidates: Candidates,
        outlook: Outlook,
        samples: Samples,
        cost: InterpretableCost,
        own: Candidates | None = None,
    ) -> "Shortlist":
        """As many as there are samples of each: the cheapest if the others were fully reckoned with, and
        the cheapest if they hardly were, in turn. `own`: one that is the first of them in any case."""
        if own is not None:
            candidates = Candidates.joined((own, candidates))
        futures = outlook.at(instants_s(candidates.trajectory.device))
        size_m = observation.agents.size_m
        everybody = foretold_occupancy(futures, outlook.probability, size_m)
        around = Surroundings.of(observation, everybody)
        terms = terms_in(around, candidates.trajectory)
        hardly = Terms(_BOLD * terms.each, terms.whole)
        rank = torch.minimum(
            _rank(cost.total(terms), candidates.valid), _rank(cost.total(hardly), candidates.valid)
        )
        if own is not None:
            rank[:, 0] = -1
        index = rank.argsort(dim=1, stable=True)[:, : samples.valid.shape[2]]
        row = torch.arange(len(index), device=index.device).unsqueeze(1)
        kept, actor = candidates.take(index), actors(samples, size_m.shape[1])
        others = [_without(future, actor) for future in futures]
        beside = replace(around, occupancy=foretold_occupancy(others, outlook.probability, size_m))
        each = each_in(beside, kept.trajectory)
        return Shortlist(kept, Terms(each, terms.whole[row, index]), everybody)


def actors(samples: Samples, num: int) -> Bool[Tensor, "b a"]:
    """Which of all agents have samples."""
    out = torch.zeros(len(samples.there), num, dtype=torch.bool, device=samples.there.device)
    return out.scatter(1, samples.agent, samples.there)


def _without(future: Futures, actor: Bool[Tensor, "b a"]) -> Futures:
    return Futures(future.pose, future.velocity_mps, future.valid & ~actor.unsqueeze(2))


def _rank(cost: Float[Tensor, "b k"], valid: Bool[Tensor, "b k"]) -> Tensor:
    return torch.where(valid, cost, torch.inf).argsort(dim=1).argsort(dim=1)
