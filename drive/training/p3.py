"""Task p3: weights of an interpretable cost, by max-margin (Sadat et al. 2020) or by likelihood."""

import torch
from jaxtyping import Float
from torch import Tensor

from drive.features.example import Example
from drive.planning.candidates import Candidates
from drive.planning.costs.likelihood import likelihood_loss
from drive.planning.costs.max_margin import interpretable_margin
from drive.planning.costs.terms import Terms, terms_of
from drive.planning.experts import demonstration
from drive.planning.interpretable.network import InterpretableConfig, InterpretableCost
from drive.planning.samplers.frenet import FrenetSampler
from drive.training.config import InterpretableTrainConfig
from drive.training.open_loop import open_loop_figures
from drive.training.terms import TermsTask, collides


class InterpretableTask(TermsTask):
    """Trains an `InterpretableCost`."""

    config: InterpretableTrainConfig
    network: InterpretableCost

    def __init__(self, config: InterpretableTrainConfig) -> None:
        super().__init__(config)
        self._sampler = FrenetSampler()

    @staticmethod
    def make_network(config: InterpretableTrainConfig) -> InterpretableCost:
        """Untrained: the hand-tuned cost."""
        return InterpretableCost(InterpretableConfig())

    def losses(self, example: Example, generator: torch.Generator) -> dict[str, Tensor]:
        """`loss`: by how much a candidate costs too little, or how unlikely the ones near to what was
        driven are; of the examples recorded to their end."""
        driven, there = demonstration(example)
        candidates, terms = self._seen(example, driven)
        each, whole = self.network(terms)
        path, config, rest = candidates.trajectory[:, 1:], self.config, slice(1, None)
        distance_m = (path[..., :2] - driven[:, None, :, :2]).norm(dim=-1).mean(dim=2)
        harm, valid = collides(example, candidates)[:, rest], candidates.valid[:, rest]
        if config.loss == "margin":
            lacks = interpretable_margin(
                whole[:, 0], each[:, 0], whole[:, rest], each[:, rest],
                config.distance_margin * distance_m.clamp(max=config.most_m),
                config.harm_margin * harm, valid,
            )  # fmt: skip
        else:
            cost = each[:, rest].sum(dim=2) + whole[:, rest]
            harms = harm.amax(dim=2) > 0.5
            lacks = likelihood_loss(cost, distance_m, harms, valid, config.near_m)
        lack = (lacks * there).sum() / there.sum().clamp(min=1)
        away = self.network.from_hand()
        return {"loss": lack + config.prior * away, "lack": lack, "from_hand": away}

    def figures(self, example: Example) -> dict[str, tuple[Tensor, Tensor]]:
        """Of the candidate of least cost, in open loop."""
        driven, there = demonstration(example)
        candidates, terms = self._seen(example, driven)
        cost = torch.where(candidates.valid, self.network.total(terms), torch.inf)
        best = cost[:, 1:].argmin(dim=1, keepdim=True) + 1
        return open_loop_figures(example, candidates.take(best).trajectory[:, 0], driven, there)

    @torch.no_grad()
    def _seen(self, example: Example, driven: Float[Tensor, "b t 5"]) -> tuple[Candidates, Terms]:
        """What was driven, first, and the candidates; with the terms of all."""
        observation = example.observation
        own = Candidates(driven.unsqueeze(1), torch.ones_like(driven[:, :1, 0], dtype=torch.bool))
        candidates = Candidates.joined((own, self._sampler(observation)))
        return candidates, terms_of(observation, candidates, self.occupancy(example))
