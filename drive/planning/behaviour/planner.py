"""`BehaviourPlanner`: the best behaviours, then their trajectories, by one cost (Sadat et al. 2019)."""

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from drive.networks.weights import DEFAULT, load_network
from drive.planning.behaviour.behaviours import behaviours_of, best_of_each, sampled
from drive.planning.behaviour.descent import descend
from drive.planning.behaviour.network import BehaviourCost
from drive.planning.candidates import Candidates
from drive.planning.costs.terms import Surroundings, terms_in
from drive.planning.forecaster import Forecaster
from drive.planning.foretold_planner import ForetoldPlanner
from drive.planning.oncoming import without_wrong_way
from drive.planning.rated import Rated
from drive.planning.samplers.frenet import Courses
from drive.planning.samplers.rollouts import roll_out
from sim.interface import Observation

REFINED = 3  # behaviours whose best candidates are refined


class BehaviourPlanner(ForetoldPlanner):
    """Candidates of all behaviours, and the best ones of the best behaviours refined."""

    cost: BehaviourCost

    def __init__(self, weights: str = DEFAULT, forecaster: Forecaster | None = None) -> None:
        super().__init__(load_network(BehaviourCost, weights)[0], forecaster)

    def priced(self, observation: Observation, occupancy: Float[Tensor, "b t x y"]) -> Rated:
        """What is refined first, then all that was sampled."""
        around = Surroundings.of(observation, occupancy, self._grid)
        courses = sampled(observation)
        allowed = without_wrong_way(observation, courses.candidates)
        return both_levels(self.cost, around, replace(courses, candidates=allowed))


def both_levels(cost: BehaviourCost, around: Surroundings, courses: Courses) -> Rated:
    """The candidates by their cost, after those that are refined of them."""
    coarse = _rated(cost, around, courses.candidates)
    index, least = best_of_each(coarse.cost, coarse.candidates.valid, behaviours_of(courses))
    best = torch.gather(index, 1, least.argsort(dim=1)[:, :REFINED])
    fine = refined(cost, around, coarse.candidates.take(best))
    return _joined(fine, coarse)


def refined(cost: BehaviourCost, around: Surroundings, start: Candidates) -> Rated:
    """Of each candidate the cheapest of itself and of what steps down the softened cost make of it.

    The steps are driven by the bicycle, and priced as candidates are: softened is only the way there.
    """
    soft, ego, lines = around.softened(), around.observation.ego, start.num
    steps = descend(
        lambda path: cost.total(terms_in(soft, path)), ego, start, cost.config.refine_steps
    )
    parts = [start]
    if steps:
        controls = torch.cat(steps, dim=1).detach()
        parts.append(roll_out(ego, controls[..., 0], controls[..., 1]))
    rated = _rated(cost, around, Candidates.joined(parts))
    valid = rated.candidates.valid & start.valid.repeat(1, len(steps) + 1)
    price = torch.where(valid, rated.cost, torch.inf).unflatten(1, (-1, lines))
    line = torch.arange(lines, device=price.device)
    return _taken(rated, price.argmin(dim=1) * lines + line)


def _rated(cost: BehaviourCost, around: Surroundings, candidates: Candidates) -> Rated:
    weighted = cost.weighted(terms_in(around, candidates.trajectory))
    return Rated(candidates, torch.stack(list(weighted.values())).sum(dim=0), weighted)


def _taken(rated: Rated, index: Int[Tensor, "b m"]) -> Rated:
    assert rated.terms is not None
    terms = {name: torch.gather(values, 1, index) for name, values in rated.terms.items()}
    return Rated(rated.candidates.take(index), torch.gather(rated.cost, 1, index), terms)


def _joined(first: Rated, then: Rated) -> Rated:
    assert first.terms is not None
    assert then.terms is not None
    terms = {name: torch.cat((v, then.terms[name]), dim=1) for name, v in first.terms.items()}
    candidates = Candidates.joined((first.candidates, then.candidates))
    return Rated(candidates, torch.cat((first.cost, then.cost), dim=1), terms)
