"""Task bc: behaviour cloning, what the ego did in the recording."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.features.example import Example
from drive.features.vectors import vector_scene
from drive.networks.joint_head import JointFutures
from drive.planning.candidates import POINTS
from drive.planning.imitation.network import ImitationConfig, ImitationNetwork
from drive.prediction.baselines import constant_velocity
from drive.prediction.losses import marginal_loss
from drive.training.config import BcTrainConfig
from drive.training.copycat import without_ego_past
from drive.training.task import Task
from eval.forecasts.displacement import average_error_m, least_of_best
from sim.scenario import EGO

_JUST_EGO = slice(EGO, EGO + 1)
_TOLD_S = (1, 2, 3, 5)


class BcTask(Task):
    """Trains an `ImitationNetwork`: the best of M ways is drawn to the expert's, and its score upwards.

    From its past a copycat reads off what the ego is about to do, and learns nothing of the scene: who
    stands goes on standing. So that past is hidden in a share of the examples (`mask_motion`).
    """

    quality = "ADE"
    config: BcTrainConfig
    network: ImitationNetwork

    @staticmethod
    def make_network(config: BcTrainConfig) -> ImitationNetwork:
        """Untrained."""
        return ImitationNetwork(ImitationConfig.of(config))

    def losses(self, example: Example, generator: torch.Generator) -> dict[str, Tensor]:
        """By name; `loss` is the one that falls."""
        scene = vector_scene(example.observation)
        chance = torch.rand(example.num, generator=generator).to(scene.agent_pose.device)
        futures = self.network(without_ego_past(scene, chance < self.config.mask_motion))
        relaxed = self.config.relaxed * max(0.0, 1.0 - 2.0 * self.global_step / self.config.steps)
        loss = marginal_loss(futures, *expert(example), scene.agent_valid[:, _JUST_EGO], relaxed)
        total = loss.error + self.config.choice_weight * loss.choice
        return {"loss": total, "error": loss.error, "choice": loss.choice}

    def figures(self, example: Example) -> dict[str, tuple[Tensor, Tensor]]:
        """Errors over 5 s, all that is known being shown; of constant velocity too."""
        scene = vector_scene(example.observation)
        futures = self.network(scene)
        steady_m = constant_velocity(scene, POINTS, futures.dt_s)[:, None, _JUST_EGO]
        steady = JointFutures(steady_m, torch.zeros_like(steady_m[..., 0, 0]), futures.dt_s)
        truth_m, valid = expert(example)
        figures = ego_figures(futures, truth_m, valid)
        return figures | {"ADE_cv": ego_figures(steady, truth_m, valid)["ADE"]}


def expert(example: Example) -> tuple[Float[Tensor, "b 1 t 2"], Bool[Tensor, "b 1 t"]]:
    """Where the ego went in the recording, up to the planners' horizon."""
    future = example.future
    return future.pose[:, _JUST_EGO, :POINTS, :2], future.valid[:, _JUST_EGO, :POINTS]


def ego_figures(
    futures: JointFutures, truth_m: Float[Tensor, "b 1 t 2"], valid: Bool[Tensor, "b 1 t"]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Sums over egos that are recorded up to the horizon, and their number.

    `ADE`, `FDE1s`, ...: of the most probable way, on average and after 1, ... s; `minADE`: of the best.
    """
    probability = torch.softmax(futures.logit, dim=1)
    counts = valid.all(dim=2)
    ade = average_error_m(futures.position_m, truth_m, valid)
    found = {
        "ADE": least_of_best(ade, probability, 1),
        "minADE": least_of_best(ade, probability, probability.shape[1]),
    }
    for time_s in _TOLD_S:
        at = round(time_s / futures.dt_s) - 1
        error = (futures.position_m[..., at, :] - truth_m[:, None, :, at]).norm(dim=-1)
        found[f"FDE{time_s}s"] = least_of_best(error, probability, 1)
    return {
        name: (torch.where(counts, error, 0.0).sum(), counts.sum()) for name, error in found.items()
    }
