"""Task intention: what each agent is about to do, and where it goes; from lidar also who is there."""

import math
from dataclasses import fields

import torch
from torch import Tensor

from drive.features.example import Example
from drive.features.sweeps import lidar_scene
from drive.features.vectors import VectorScene, vector_scene
from drive.prediction.detection_figures import detection_figures, matched_frames
from drive.prediction.detection_head import as_agents, said_at
from drive.prediction.detection_truth import RoadUserTruth, road_user_losses
from drive.prediction.figures import figures_of
from drive.prediction.intention import IntentionConfig, IntentionFutures, IntentionPredictor
from drive.prediction.intention_figures import intention_figures
from drive.prediction.losses import intention_loss, marginal_loss
from drive.training.begun import begun
from drive.training.config import IntentionTrainConfig
from drive.training.task import Task
from eval.metrics.detection import Matched
from sim.geometry import se2
from sim.scenario import EGO

_DETECTION_WEIGHT = 2.0  # in metres: errors of trajectories are large at first
_OFF = (0.3, 0.3, 0.0, 0.05, 0.05, 0.0, 0.1)
"""standard deviations by which boxes that are read at are off: of x and y (m), sizes (relative), yaw (rad)"""
_REVERSED = 0.1  # of them: they face the other way


class IntentionTask(Task):
    """Trains an `IntentionPredictor`."""

    quality = "minADE5"
    config: IntentionTrainConfig
    network: IntentionPredictor

    def __init__(self, config: IntentionTrainConfig) -> None:
        super().__init__(config)
        self._frames: dict[str, list[Matched]] = {}

    @staticmethod
    def make_network(config: IntentionTrainConfig) -> IntentionPredictor:
        """Untrained."""
        names = {f.name for f in fields(IntentionConfig)} & {f.name for f in fields(config)}
        return IntentionPredictor(
            IntentionConfig(**{name: getattr(config, name) for name in names})
        )

    def losses(self, example: Example, generator: torch.Generator) -> dict[str, Tensor]:
        """By name; `loss` is the one that falls."""
        if self.config.sensors == "lidar":
            scene, found, detection = self._at_true_boxes(example, generator)
        else:
            scene, detection = vector_scene(example.observation), {}
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
        losses = {"error": of.error, "choice": of.choice, "intention": intention} | detection
        return {"loss": total + _DETECTION_WEIGHT * detection.get("detection", 0.0)} | losses

    def figures(self, example: Example) -> dict[str, tuple[Tensor, Tensor]]:
        """Errors of trajectories, and of intentions; from lidar of those who are detected, and of detection,
        whose matches are kept for the end of the epoch: average precision is of all frames together."""
        scene = vector_scene(example.observation)
        if self.config.sensors == "lidar":
            assert example.sweeps is not None
            users, agents, found = self.network.detect(
                lidar_scene(example.observation, example.sweeps)
            )
            truth = RoadUserTruth.of(scene, example.sweeps, self.network.config.grid)
            for name, frames in matched_frames(users, truth).items():
                self._frames.setdefault(name, []).extend(frames)
            return detection_figures(users, agents, found, truth, scene, example)
        found = self.network(scene)
        errors = figures_of(found.futures, scene, example, per_agent=True)
        return errors | intention_figures(found.intention_logit, scene, example)

    def on_validation_epoch_start(self) -> None:
        super().on_validation_epoch_start()
        self._frames = {}

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        for name, frames in self._frames.items():
            value = Matched.joined(frames).average_precision
            self.log(f"val/{name}", value, sync_dist=True)  # on several devices: their mean

    def _at_true_boxes(
        self, example: Example, generator: torch.Generator
    ) -> tuple[VectorScene, IntentionFutures, dict[str, Tensor]]:
        """The ego and those whom the sweep shows, as agents about where they are; what is said of them there;
        the losses of detection."""
        assert example.sweeps is not None
        grid, network = self.network.config.grid, self.network
        truth = RoadUserTruth.of(vector_scene(example.observation), example.sweeps, grid)
        seen = begun(example, generator)
        assert seen.sweeps is not None
        scene = lidar_scene(seen.observation, seen.sweeps)
        feature, maps = network.look(scene)
        box = jittered(truth.box, generator)
        kind = example.observation.agents.kind
        others = slice(EGO + 1, None)
        box, there = box[:, others], truth.findable[:, others]
        velocity_mps = said_at(maps.velocity_mps, box[..., :2], grid).detach()
        agents = as_agents(scene, box, kind, velocity_mps, there)
        return agents, network.futures_at(feature, agents), road_user_losses(maps, truth, grid)


def jittered(box: Tensor, generator: torch.Generator) -> Tensor:
    """Boxes `[b n 7]` about as inexact as those that are detected."""
    off = torch.randn(box.shape, generator=generator).to(box) * box.new_tensor(_OFF)
    reversed_ = torch.rand(box.shape[:-1], generator=generator).to(box) < _REVERSED
    size_m = box[..., 3:6] * off[..., 3:6].exp()
    yaw = box[..., 6:] + off[..., 6:] + math.pi * reversed_.unsqueeze(-1)
    return torch.cat((box[..., :3] + off[..., :3], size_m, yaw), dim=-1)
