"""How good forecasts are on examples, beside the baselines: sums that add up over batches."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.features.example import Example
from drive.features.vectors import VectorScene
from drive.networks.joint_head import JointFutures
from drive.prediction.baselines import (
    along_true_route,
    constant_turn_rate_and_velocity,
    constant_velocity,
)
from drive.prediction.joint import poses_in_scene, scene_logit
from eval.forecasts.displacement import (
    average_error_m,
    final_error_m,
    least_of_best,
    missed_by_best,
    scene_error_m,
)

HORIZON_S = 5.0
MOVES_M = 1.0  # by the horizon: who moves less stands, and is easy

Sums = dict[str, tuple[Tensor, Tensor]]  # a sum and the number of its terms


def figures_of(
    futures: JointFutures, scene: VectorScene, example: Example, per_agent: bool
) -> Sums:
    """Errors of moving agents (the ego apart from them: its route is known) over `HORIZON_S`.

    Those count that the ego knows of and that are there up to the horizon. `per_agent`: futures are
    ranked by each agent's own scores, not by the scene's.
    """
    points = round(HORIZON_S / futures.dt_s)
    truth, valid = example.future.pose[:, :, :points, :2], example.future.valid[:, :, :points]
    counts = moving_agents(scene, truth, valid)
    counts[:, 0] = False
    position = poses_in_scene(scene, futures.position_m)[..., :points, :2]
    if per_agent:
        probability = torch.softmax(futures.logit, dim=1)
    else:
        scene_probability = torch.softmax(scene_logit(futures, scene.agent_valid), dim=1)
        probability = scene_probability.unsqueeze(2).expand_as(futures.logit)
    ade, fde = average_error_m(position, truth, valid), final_error_m(position, truth, valid)
    best = futures.logit.shape[1]
    of_agents = {
        "ADE1": least_of_best(ade, probability, 1),
        "minADE5": least_of_best(ade, probability, 5),
        f"minFDE{best}": fde.amin(dim=1),
        f"miss{best}": missed_by_best(fde, probability, best).to(fde.dtype),
    }
    for name, forecast in {
        "cv": constant_velocity(scene, points, futures.dt_s),
        "ctrv": constant_turn_rate_and_velocity(scene, points, futures.dt_s),
        "route": along_true_route(example, scene, points, futures.dt_s),
    }.items():
        of_agents[f"ADE_{name}"] = average_error_m(forecast.unsqueeze(1), truth, valid).squeeze(1)
    sums = {name: _summed(value, counts) for name, value in of_agents.items()}
    scene_error = scene_error_m(ade, counts)
    sums[f"jointADE{best}"] = _summed(scene_error, counts.any(dim=1))
    return sums


def moving_agents(
    scene: VectorScene, truth_m: Float[Tensor, "b n t 2"], valid: Bool[Tensor, "b n t"]
) -> Bool[Tensor, "b n"]:
    """Who is known now, there at every instant, and at the last one elsewhere than now."""
    moved = (truth_m[:, :, -1] - scene.agent_pose[..., :2]).norm(dim=-1)
    return scene.agent_valid & valid.all(dim=2) & (moved > MOVES_M)


def _summed(value: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    return torch.where(counts, value, 0.0).sum(), counts.sum()
