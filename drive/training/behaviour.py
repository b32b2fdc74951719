"""Task behaviour: weights of one cost for behaviour and trajectory, jointly (Sadat et al. 2019)."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from drive.features.example import Example
from drive.planning.behaviour.behaviours import behaviours_of, best_of_each, sampled
from drive.planning.behaviour.controls import driven
from drive.planning.behaviour.descent import descend
from drive.planning.behaviour.network import BehaviourConfig, BehaviourCost
from drive.planning.behaviour.planner import both_levels
from drive.planning.candidates import Candidates
from drive.planning.costs.likelihood import likelihood_loss
from drive.planning.costs.terms import Surroundings, terms_in
from drive.planning.experts import demonstration
from drive.planning.route_frame import project
from drive.planning.samplers.frenet import Courses
from drive.training.config import BehaviourTrainConfig
from drive.training.open_loop import open_loop_figures
from drive.training.terms import TermsTask, collides

_DISCOUNT = 0.9  # of what is half a second later


@dataclass(frozen=True)
class _Shown:
    """An example as both losses look at it: `path` is what was driven, `does` its behaviour."""

    path: Float[Tensor, "b t 5"]
    there: Bool[Tensor, " b"]
    courses: Courses
    behaviour: Int[Tensor, "b k"]
    does: Int[Tensor, "b 1"]
    around: Surroundings


class BehaviourTask(TermsTask):
    """Trains a `BehaviourCost`: first which candidates are likely, then where steps down the cost lead."""

    config: BehaviourTrainConfig
    network: BehaviourCost

    @staticmethod
    def make_network(config: BehaviourTrainConfig) -> BehaviourCost:
        """Untrained: the hand-tuned cost."""
        return BehaviourCost(BehaviourConfig(refine_steps=config.refine_steps))

    def losses(self, example: Example, generator: torch.Generator) -> dict[str, Tensor]:
        """`behaviour`: how unlikely what is near to what was driven is, under exp(-cost), in nats; `metres`:
        how far the trajectory is from it that is refined of the best candidate of its behaviour."""
        shown = self._shown(example)
        with torch.no_grad():
            terms = terms_in(shown.around, shown.courses.candidates.trajectory)
        cost = self.network.total(terms)
        unlikely = (self._unlikely(example, shown, cost) * shown.there).sum()
        gap_m, possible = self._refined_gap_m(shown, cost.detach())
        metres = (gap_m * possible).sum() / possible.sum().clamp(min=1)
        behaviour = unlikely / shown.there.sum().clamp(min=1)
        away = self.network.from_hand()
        loss = behaviour + self.config.imitation * metres + self.config.prior * away
        return {"loss": loss, "behaviour": behaviour, "metres": metres, "from_hand": away}

    @torch.no_grad()
    def figures(self, example: Example) -> dict[str, tuple[Tensor, Tensor]]:
        """Of the plan, in open loop."""
        shown = self._shown(example)
        rated = both_levels(self.network, shown.around, shown.courses)
        cost = torch.where(rated.candidates.valid, rated.cost, torch.inf)
        best = rated.candidates.take(cost.argmin(dim=1, keepdim=True))
        return open_loop_figures(example, best.trajectory[:, 0], shown.path, shown.there)

    @torch.no_grad()
    def _shown(self, example: Example) -> _Shown:
        path, there = demonstration(example)
        observation = example.observation
        courses = sampled(observation)
        return _Shown(
            path, there, courses, behaviours_of(courses), behaviours_of(_of(path, courses, example)),
            Surroundings.of(observation, self.occupancy(example)),
        )  # fmt: skip

    def _unlikely(
        self, example: Example, shown: _Shown, cost: Float[Tensor, "b k"]
    ) -> Float[Tensor, " b"]:
        candidates = shown.courses.candidates
        distance_m = _gap_m(candidates.trajectory, shown.path.unsqueeze(1))
        distance_m = distance_m + self.config.mismatch_m * (shown.behaviour != shown.does)
        harms = collides(example, candidates).amax(dim=2) > 0.5
        return likelihood_loss(cost, distance_m, harms, candidates.valid, self.config.near_m)

    def _refined_gap_m(
        self, shown: _Shown, cost: Float[Tensor, "b k"]
    ) -> tuple[Float[Tensor, " b"], Bool[Tensor, " b"]]:
        """From what was driven, and where it can be told: by all steps, from the weights on."""
        candidates, soft = shown.courses.candidates, shown.around.softened()
        index, least = best_of_each(cost, candidates.valid, shown.behaviour)
        start = candidates.take(torch.gather(index, 1, shown.does))
        possible = torch.isfinite(torch.gather(least, 1, shown.does)).squeeze(1) & shown.there
        start = replace(start, valid=possible.unsqueeze(1))
        ego = shown.around.observation.ego
        steps = descend(
            lambda path: self.network.total(terms_in(soft, path)),
            ego, start, self.config.refine_steps, differentiable=True,
        )  # fmt: skip
        path = driven(ego, steps[-1]).trajectory if steps else start.trajectory
        late = _DISCOUNT ** torch.arange(path.shape[2], device=path.device)
        return _gap_m(path[:, 0], shown.path, late / late.mean()), possible


def _of(path: Float[Tensor, "b t 5"], courses: Courses, example: Example) -> Courses:
    """What was driven, among the same lanes."""
    alone = Candidates(path.unsqueeze(1), torch.ones_like(path[:, :1, 0], dtype=torch.bool))
    offset_m = project(example.observation.route, path[..., :2])[1]
    return replace(courses, candidates=alone, offset_m=offset_m.unsqueeze(1))


def _gap_m(
    path: Float[Tensor, "b *k t 5"],
    other: Float[Tensor, "b *j t 5"],
    weight: Float[Tensor, " t"] | float = 1.0,
) -> Float[Tensor, "b *k"]:
    """The mean distance over time."""
    step_m = path[..., :2] - other[..., :2]
    return (weight * (step_m.square().sum(dim=-1) + 1e-6).sqrt()).mean(dim=-1)
