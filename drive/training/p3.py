"""Task p3: weights of an interpretable cost, by max-margin (Sadat et al. 2020) or by likelihood."""

from dataclasses import asdict
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from drive.features.example import Example
from drive.features.occupancy import OccupancyTruth, occupancy_truth
from drive.features.vectors import vector_scene
from drive.networks.weights import load_network
from drive.planning.candidates import Candidates
from drive.planning.costs.likelihood import likelihood_loss
from drive.planning.costs.max_margin import interpretable_margin
from drive.planning.costs.terms import Terms, terms_of
from drive.planning.experts import demonstration
from drive.planning.interpretable.network import (
    InterpretableConfig,
    InterpretableCost,
    foreseen,
)
from drive.planning.samplers.frenet import FrenetSampler
from drive.prediction.occupancy import OccupancyFutures, OccupancyPredictor
from drive.prediction.occupancy_figures import occupancy_figures
from drive.prediction.occupancy_losses import motion_loss, occupancy_loss
from drive.training.config import InterpretableTrainConfig, OccupancyTrainConfig
from drive.training.open_loop import open_loop_figures
from drive.training.terms import TermsTask, collides
from sim.errors import InputError


class InterpretableTask(TermsTask):
    """Trains an `InterpretableCost`; end to end also the network whose occupancy its terms are read from."""

    config: InterpretableTrainConfig
    network: InterpretableCost

    def __init__(self, config: InterpretableTrainConfig) -> None:
        super().__init__(config)
        self._sampler = FrenetSampler()

    @staticmethod
    def make_network(config: InterpretableTrainConfig) -> InterpretableCost:
        """Untrained: the hand-tuned cost. End to end with the weights that foretell occupancy."""
        if not config.end_to_end:
            return InterpretableCost(InterpretableConfig())
        foresight, _ = load_network(OccupancyPredictor, config.forecast)
        sensors = foresight.config.sensors
        if sensors != "tracks":
            told = f"sees {sensors}, --end-to-end wants an occupancy of tracks"
            raise InputError(f"--forecast {config.forecast}: {told}")
        network = InterpretableCost(InterpretableConfig(occupancy=asdict(foresight.config)))
        assert network.foresight is not None
        network.foresight.load_state_dict(foresight.state_dict())
        return network

    def parameter_groups(self) -> list[dict[str, Any]]:
        """A network needs smaller steps than the logarithms of a few weights."""
        network = self.network
        if network.foresight is None:
            return super().parameter_groups()
        foresight = list(network.foresight.parameters())
        return [
            {"params": [network.log_each, network.log_whole]},
            {"params": foresight, "lr": self.config.occupancy_rate},
        ]

    def losses(self, example: Example, generator: torch.Generator) -> dict[str, Tensor]:
        """`lack`: by how much a candidate costs too little, or how unlikely the ones near to what was driven
        are; of the examples recorded to their end. `occupancy`: end to end, the network's own loss."""
        driven, there = demonstration(example)
        occupancy, futures = self._foreseen(example)
        candidates, terms = self._seen(example, driven, occupancy)
        lacks = self._lacks(example, driven, candidates, terms)
        lack = (lacks * there).sum() / there.sum().clamp(min=1)
        away = self.network.from_hand()
        losses = {"loss": lack + self.config.prior * away, "lack": lack, "from_hand": away}
        if futures is not None:
            losses["occupancy"] = _own_loss(futures, _truth(example, futures))
            losses["loss"] = losses["loss"] + self.config.occupancy_weight * losses["occupancy"]
        return losses

    def figures(self, example: Example) -> dict[str, tuple[Tensor, Tensor]]:
        """Of the candidate of least cost, in open loop; end to end also of the occupancy."""
        driven, there = demonstration(example)
        occupancy, futures = self._foreseen(example)
        candidates, terms = self._seen(example, driven, occupancy)
        cost = torch.where(candidates.valid, self.network.total(terms), torch.inf)
        best = cost[:, 1:].argmin(dim=1, keepdim=True) + 1
        found = open_loop_figures(example, candidates.take(best).trajectory[:, 0], driven, there)
        if futures is None:
            return found
        scene = vector_scene(example.observation)
        return found | occupancy_figures(futures, scene, _truth(example, futures))

    def _lacks(
        self, example: Example, driven: Float[Tensor, "b t 5"], candidates: Candidates, terms: Terms
    ) -> Float[Tensor, " b"]:
        """Of each example; the candidates begin with what was driven."""
        each, whole = self.network(terms)
        path, config, rest = candidates.trajectory[:, 1:], self.config, slice(1, None)
        distance_m = (path[..., :2] - driven[:, None, :, :2]).norm(dim=-1).mean(dim=2)
        harm, valid = collides(example, candidates)[:, rest], candidates.valid[:, rest]
        if config.loss == "margin":
            return interpretable_margin(
                whole[:, 0], each[:, 0], whole[:, rest], each[:, rest],
                config.distance_margin * distance_m.clamp(max=config.most_m),
                config.harm_margin * harm, valid,
            )  # fmt: skip
        cost = each[:, rest].sum(dim=2) + whole[:, rest]
        return likelihood_loss(cost, distance_m, harm.amax(dim=2) > 0.5, valid, config.near_m)

    def _foreseen(
        self, example: Example
    ) -> tuple[Float[Tensor, "b t x y"], OccupancyFutures | None]:
        """What terms of safety are read from, and end to end all that was foretold, with a gradient."""
        if self.network.foresight is None:
            with torch.no_grad():
                return self.occupancy(example), None
        futures = self.network.foresight(vector_scene(example.observation))
        return foreseen(futures), futures

    def _seen(
        self,
        example: Example,
        driven: Float[Tensor, "b t 5"],
        occupancy: Float[Tensor, "b t x y"],
    ) -> tuple[Candidates, Terms]:
        """What was driven, first, and the candidates; with the terms of all."""
        observation = example.observation
        own = Candidates(driven.unsqueeze(1), torch.ones_like(driven[:, :1, 0], dtype=torch.bool))
        candidates = Candidates.joined((own, self._sampler(observation)))
        return candidates, terms_of(observation, candidates, occupancy)


def _truth(example: Example, futures: OccupancyFutures) -> OccupancyTruth:
    """Of everybody who is known."""
    scene, points = vector_scene(example.observation), futures.moved_m.shape[1]
    return occupancy_truth(scene, example.future, points, futures.grid)


def _own_loss(futures: OccupancyFutures, truth: OccupancyTruth) -> Tensor:
    """That of task occupancy."""
    motion = motion_loss(futures.moved_m, futures.mode_logit, truth.moved_m, truth.moves)
    occupancy = occupancy_loss(futures.logit, truth.occupied, truth.recorded)
    return occupancy + OccupancyTrainConfig.motion_weight * motion
