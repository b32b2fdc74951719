"""`TermsTask`: what trainings share that weigh the named terms of a cost."""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from drive.features.example import Example
from drive.networks.weights import load_network
from drive.planning.candidates import Candidates
from drive.planning.costs.footprint import footprint_m, reduced
from drive.planning.costs.foretold import GRID, foretold_occupancy
from drive.planning.experts import recorded_futures
from drive.planning.foretold_planner import ahead
from drive.planning.interpretable.network import InterpretableCost
from drive.prediction.joint import JointPredictor
from drive.training.config import TermsTrainConfig
from drive.training.task import Task


class TermsTask(Task):
    """Weighs terms on a frozen forecast, or on what then happened."""

    quality = "collides_3s"
    config: TermsTrainConfig
    network: InterpretableCost

    def __init__(self, config: TermsTrainConfig) -> None:
        super().__init__(config)
        self._predictor: list[JointPredictor] = []  # a list: it is not trained, and not saved
        if self.network.foresight is None:
            self._predictor.append(load_network(JointPredictor, config.forecast)[0])

    def occupancy(self, example: Example) -> Float[Tensor, "b t x y"]:
        """What terms of safety are read from."""
        if self.config.occupancy == "recorded":
            return recorded_occupancy(example)
        predictor = self._predictor[0].to(example.observation.step.device)
        return ahead(predictor, example.observation)[1]


@torch.no_grad()
def collides(example: Example, candidates: Candidates) -> Float[Tensor, "b k t"]:
    """1 from the instant on at which a candidate runs into where somebody truly was, cell by cell."""
    true = recorded_occupancy(example)
    inside = footprint_m(example.observation.ego.size_m)
    hit = reduced(partial(torch.amax, dim=-1), true, GRID, candidates.trajectory, inside)
    return hit.cummax(dim=2).values


def recorded_occupancy(example: Example) -> Float[Tensor, "b t x y"]:
    """1 where somebody truly was."""
    sure = torch.ones_like(example.observation.ego.size_m[:, :1])
    futures = recorded_futures(example.future)
    return foretold_occupancy([futures], sure, example.observation.agents.size_m)
