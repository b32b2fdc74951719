"""Task joint: everyone's futures together, and with the ego's given."""

from dataclasses import fields

import torch
from torch import Tensor

from drive.features.example import Example
from drive.features.vectors import vector_scene
from drive.prediction.figures import figures_of
from drive.prediction.joint import JointConfig, JointPredictor
from drive.prediction.losses import joint_loss, marginal_loss
from drive.training.config import JointTrainConfig
from drive.training.task import Task
from sim.geometry import se2


class JointTask(Task):
    """Trains a `JointPredictor`; the joint or the marginal loss."""

    quality = "minADE5"
    config: JointTrainConfig
    network: JointPredictor

    @staticmethod
    def make_network(config: JointTrainConfig) -> JointPredictor:
        """Untrained."""
        names = {f.name for f in fields(JointConfig)} & {f.name for f in fields(config)}
        return JointPredictor(JointConfig(**{name: getattr(config, name) for name in names}))

    def __init__(self, config: JointTrainConfig) -> None:
        super().__init__(config)
        if config.condition_only:
            self.network.requires_grad_(False)
            self.network.head.reaction.requires_grad_(True)

    def losses(self, example: Example, generator: torch.Generator) -> dict[str, Tensor]:
        """By name; `loss` is the one that falls."""
        scene = vector_scene(example.observation)
        future = example.future
        ego_future, known = self._ego_future(example)
        chance = torch.rand(len(known), generator=generator).to(known.device)
        futures = self.network(scene, ego_future, known * (chance < self.config.condition))
        own = se2.inverse(scene.agent_pose).unsqueeze(2)
        truth_m = se2.transform_points(own, future.pose[..., :2])
        told = (futures, truth_m, future.valid, scene.agent_valid)
        relaxed = self.config.relaxed * max(0.0, 1.0 - 2.0 * self.global_step / self.config.steps)
        if self.config.loss == "joint":
            loss = joint_loss(*told, relaxed)
            total = loss.error + self.config.each_weight * marginal_loss(*told).error
        else:
            loss = marginal_loss(*told, relaxed)
            total = loss.error
        total = total + self.config.choice_weight * loss.choice
        return {"loss": total, "error": loss.error, "choice": loss.choice}

    def figures(self, example: Example) -> dict[str, tuple[Tensor, Tensor]]:
        """Errors, without the ego's future; with it where nothing else is trained."""
        scene = vector_scene(example.observation)
        marginal = self.config.loss == "marginal"
        told = self._ego_future(example) if self.config.condition_only else ()
        return figures_of(self.network(scene, *told), scene, example, per_agent=marginal)

    @staticmethod
    def _ego_future(example: Example) -> tuple[Tensor, Tensor]:
        """What the ego then did, and where that is known to the end: 1, else 0."""
        future = example.future
        known = future.valid[:, 0].all(dim=1).to(future.pose.dtype)
        return torch.where(future.valid[:, 0].unsqueeze(-1), future.pose[:, 0], 0.0), known
