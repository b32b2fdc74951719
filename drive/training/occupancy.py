"""Task occupancy: which cells road users will take, and how what is in them moves on."""

from collections.abc import Iterable
from dataclasses import fields

import torch
from torch import Tensor

from drive.features.example import Example
from drive.features.occupancy import OccupancyTruth, occupancy_truth
from drive.features.sweeps import seen_scene
from drive.features.vectors import vector_scene
from drive.prediction.occupancy import OccupancyConfig, OccupancyFutures, OccupancyPredictor
from drive.prediction.occupancy_figures import occupancy_figures
from drive.prediction.occupancy_losses import motion_loss, occupancy_loss
from drive.training.begun import begun
from drive.training.config import OccupancyTrainConfig
from drive.training.task import Task
from sim import trees

_CALIBRATES = 256  # training examples by which probabilities are put right at the end


class OccupancyTask(Task):
    """Trains an `OccupancyPredictor`."""

    quality = "IoU_3s"
    config: OccupancyTrainConfig
    network: OccupancyPredictor

    @staticmethod
    def make_network(config: OccupancyTrainConfig) -> OccupancyPredictor:
        """Untrained."""
        names = {f.name for f in fields(OccupancyConfig)} & {f.name for f in fields(config)}
        return OccupancyPredictor(
            OccupancyConfig(**{name: getattr(config, name) for name in names})
        )

    def losses(self, example: Example, generator: torch.Generator) -> dict[str, Tensor]:
        """By name; `loss` is the one that falls."""
        found, truth = self._found(begun(example, generator)), self._truth(example)
        occupancy = occupancy_loss(found.logit, truth.occupied, truth.recorded)
        motion = motion_loss(found.moved_m, found.mode_logit, truth.moved_m, truth.moves)
        total = occupancy + self.config.motion_weight * motion
        return {"loss": total, "occupancy": occupancy, "motion": motion}

    @torch.no_grad()
    def finish(self, examples: Iterable[Example]) -> None:
        """Probabilities become what they were right on training examples: as it is trained it is too sure."""
        self.network.eval().recalibrated.reset()
        logits, truths, number = [], [], 0
        for example in examples:
            example = trees.to(example, self.device)
            logits.append(self._found(example).logit.half())  # half: an image for each instant
            truths.append(self._truth(example))
            number += example.num
            if number >= _CALIBRATES:
                break
        self.network.recalibrated.fit(
            torch.cat(logits),
            torch.cat([truth.occupied for truth in truths]),
            torch.cat([truth.recorded for truth in truths]),
        )

    def figures(self, example: Example) -> dict[str, tuple[Tensor, Tensor]]:
        """Of occupancy and flow."""
        scene = vector_scene(example.observation)
        return occupancy_figures(self._found(example), scene, self._truth(example))

    def _found(self, example: Example) -> OccupancyFutures:
        """Of what the network's sensors show."""
        sensors = self.network.config.sensors
        return self.network(seen_scene(example.observation, example.sweeps, sensors))

    def _truth(self, example: Example) -> OccupancyTruth:
        """Of everybody who is known, whoever is seen."""
        config, scene = self.network.config, vector_scene(example.observation)
        return occupancy_truth(scene, example.future, config.points, config.grid)
