"""Task intention: what each agent is about to do, and where it goes."""

from dataclasses import fields

import torch
from torch import Tensor

from drive.features.example import Example
from drive.features.vectors import vector_scene
from drive.prediction.figures import figures_of
from drive.prediction.intention import IntentionConfig, IntentionPredictor
from drive.prediction.intention_figures import intention_figures
from drive.prediction.losses import intention_loss, marginal_loss
from drive.training.config import IntentionTrainConfig
from drive.training.task import Task
from sim.geometry import se2


class IntentionTask(Task):
    """Trains an `IntentionPredictor`."""

    quality = "minADE5"
    config: IntentionTrainConfig

    @staticmethod
    def make_network(config: IntentionTrainConfig) -> IntentionPredictor:
        """Untrained."""
        names = {f.name for f in fields(IntentionConfig)} & {f.name for f in fields(config)}
        return IntentionPredictor(
            IntentionConfig(**{name: getattr(config, name) for name in names})
        )

    def losses(self, example: Example, generator: torch.Generator) -> dict[str, Tensor]:
        """By name; `loss` is the one that falls."""
        scene = vector_scene(example.observation)
        found = self.network(scene)
        own = se2.inverse(scene.agent_pose).unsqueeze(2)
        truth_m = se2.transform_points(own, example.future.pose[..., :2])
        left = max(0.0, 1.0 - 2.0 * self.global_step / self.config.steps)
        relaxed = self.config.relaxed * left
        of = marginal_loss(found.futures, truth_m, example.future.valid, scene.agent_valid, relaxed)
        intention = intention_loss(
            found.intention_logit, example.truth.intention, scene.agent_valid
        )
        weights = self.config.choice_weight, self.config.intention_weight
        total = of.error + weights[0] * of.choice + weights[1] * intention
        return {"loss": total, "error": of.error, "choice": of.choice, "intention": intention}

    def figures(self, example: Example) -> dict[str, tuple[Tensor, Tensor]]:
        """Errors of trajectories, and of intentions."""
        scene = vector_scene(example.observation)
        found = self.network(scene)
        errors = figures_of(found.futures, scene, example, per_agent=True)
        return errors | intention_figures(found.intention_logit, scene, example)
