"""Task occupancy: which cells road users will take, and how what is in them moves on."""

from dataclasses import fields

import torch
from torch import Tensor

from drive.features.example import Example
from drive.features.occupancy import OccupancyTruth, occupancy_truth
from drive.features.vectors import VectorScene, vector_scene
from drive.prediction.occupancy import OccupancyConfig, OccupancyPredictor
from drive.prediction.occupancy_figures import occupancy_figures
from drive.prediction.occupancy_losses import motion_loss, occupancy_loss
from drive.training.config import OccupancyTrainConfig
from drive.training.task import Task


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
        scene = vector_scene(example.observation)
        found, truth = self.network(scene), self._truth(example, scene)
        occupancy = occupancy_loss(found.logit, truth.occupied, truth.recorded)
        motion = motion_loss(found.moved_m, found.mode_logit, truth.moved_m, truth.moves)
        total = occupancy + self.config.motion_weight * motion
        return {"loss": total, "occupancy": occupancy, "motion": motion}

    def figures(self, example: Example) -> dict[str, tuple[Tensor, Tensor]]:
        """Of occupancy and flow."""
        scene = vector_scene(example.observation)
        return occupancy_figures(self.network(scene), scene, self._truth(example, scene))

    def _truth(self, example: Example, scene: VectorScene) -> OccupancyTruth:
        config = self.network.config
        return occupancy_truth(scene, example.future, config.points, config.grid)
