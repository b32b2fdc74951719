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
    brier_least_of_best,
    final_error_m,
    least_of_best,
    missed_by_best,
    scene_error_m,
)
from eval.forecasts.plausibility import has_left_road, has_overlapped
from sim.geometry import se2
from sim.interface import EgoMap
from sim.scenario import EGO, AgentKind

HORIZON_S = 5.0
MOVES_M = 1.0  # by the horizon: who moves less stands, and is easy

Sums = dict[str, tuple[Tensor, Tensor]]  # a sum and the number of its terms
SceneSums = dict[str, tuple[Float[Tensor, " b"], Tensor]]  # the same of each scene


def figures_of(
    futures: JointFutures, scene: VectorScene, example: Example, per_agent: bool
) -> Sums:
    """What a training tells of moving agents: some of `displacement_figures`, beside ADE of the baselines."""
    most = futures.logit.shape[1]
    found = displacement_figures(futures, scene, example, per_agent, most)
    names = ("ADE1", "minADE5", f"minFDE{most}", f"miss{most}", f"jointADE{most}")
    told = {name: found[name] for name in names if name in found}
    for name, position_m in baseline_positions(example, scene, futures.dt_s).items():
        baseline = as_futures(position_m, scene, futures.dt_s)
        told[f"ADE_{name}"] = displacement_figures(baseline, scene, example, False, 1)["ADE1"]
    return {name: (total.sum(), number.sum()) for name, (total, number) in told.items()}


def displacement_figures(
    futures: JointFutures, scene: VectorScene, example: Example, per_agent: bool, most: int
) -> SceneSums:
    """Errors of moving agents (the ego apart from them: its route is known) over `HORIZON_S`.

    Those count that the ego knows of and that are there up to the horizon. `ADE1`, `FDE1`, `miss1`: of the
    most probable future; `minADE5`, ...: of the best of the 5, or of the `most`, most probable ones.
    `per_agent`: futures are ranked by each agent's own scores, not by the scene's. A miss is of the final
    error. `brier`: `brier_least_of_best`. `jointADE`: the least over all futures of the scene's mean.
    """
    points = round(HORIZON_S / futures.dt_s)
    truth, valid = example.future.pose[:, :, :points, :2], example.future.valid[:, :, :points]
    counts = _moving_others(scene, example, points)
    position = poses_in_scene(scene, futures.position_m)[..., :points, :2]
    if per_agent:
        probability = torch.softmax(futures.logit, dim=1)
    else:
        scene_probability = torch.softmax(scene_logit(futures, scene.agent_valid), dim=1)
        probability = scene_probability.unsqueeze(2).expand_as(futures.logit)
    ade, fde = average_error_m(position, truth, valid), final_error_m(position, truth, valid)
    of_agents = {}
    for k in dict.fromkeys((1, 5, most)):
        least = "" if k == 1 else "min"
        of_agents[f"{least}ADE{k}"] = least_of_best(ade, probability, k)
        of_agents[f"{least}FDE{k}"] = least_of_best(fde, probability, k)
        of_agents[f"miss{k}"] = missed_by_best(fde, probability, k).to(fde.dtype)
    of_agents[f"brier{most}"] = brier_least_of_best(fde, probability, most)
    sums = {name: _summed(value, counts) for name, value in of_agents.items()}
    there = counts.any(dim=1)
    joint = torch.where(there, scene_error_m(ade, counts), 0.0)
    return sums | {f"jointADE{most}": (joint, there.long())}


def plausibility_figures(
    futures: JointFutures, scene: VectorScene, example: Example, road: EgoMap | None
) -> SceneSums:
    """Over `HORIZON_S`: `overlap`, the share of futures of a scene in which any two agents overlap, and where
    the map is known `offroad`, the share of futures of moving vehicles in which they leave the road.

    Agents count, the ego too, as long as they are there; all futures count alike.
    """
    points = round(HORIZON_S / futures.dt_s)
    pose = poses_in_scene(scene, futures.position_m)[..., :points, :]
    valid = example.future.valid[:, :, :points] & scene.agent_valid.unsqueeze(2)
    overlap = has_overlapped(pose, scene.agent_size_m, valid)[..., -1].any(dim=2)
    every = torch.ones_like(overlap).sum(dim=1)
    sums = {"overlap": (overlap.sum(dim=1).to(pose.dtype), every)}
    if road is not None:
        counts = _moving_others(scene, example, points) & (scene.agent_kind == AgentKind.VEHICLE)
        frame = road.world_SE2_ego[:, None, None, None]
        left = has_left_road(
            se2.transform_points(frame, pose[..., :2]), valid, road.field
        )[..., -1]  # fmt: skip
        share = left.to(pose.dtype).mean(dim=1)
        sums["offroad"] = _summed(share, counts)
    return sums


def baseline_positions(
    example: Example, scene: VectorScene, dt_s: float
) -> dict[str, Float[Tensor, "b n t 2"]]:
    """Up to `HORIZON_S`, by name: constant velocity, constant turn rate, along the true route."""
    points = round(HORIZON_S / dt_s)
    return {
        "cv": constant_velocity(scene, points, dt_s),
        "ctrv": constant_turn_rate_and_velocity(scene, points, dt_s),
        "route": along_true_route(example, scene, points, dt_s),
    }


def as_futures(
    position_m: Float[Tensor, "b n t 2"], scene: VectorScene, dt_s: float
) -> JointFutures:
    """The one future of everybody that positions in the scene's frame are."""
    own = se2.transform_points(se2.inverse(scene.agent_pose).unsqueeze(2), position_m)
    return JointFutures(own.unsqueeze(1), torch.zeros_like(own[:, None, :, 0, 0]), dt_s)


def moving_agents(
    scene: VectorScene, truth_m: Float[Tensor, "b n t 2"], valid: Bool[Tensor, "b n t"]
) -> Bool[Tensor, "b n"]:
    """Who is known now, there at every instant, and at the last one elsewhere than now."""
    moved = (truth_m[:, :, -1] - scene.agent_pose[..., :2]).norm(dim=-1)
    return scene.agent_valid & valid.all(dim=2) & (moved > MOVES_M)


def _moving_others(scene: VectorScene, example: Example, points: int) -> Bool[Tensor, "b n"]:
    future = example.future
    counts = moving_agents(scene, future.pose[:, :, :points, :2], future.valid[:, :, :points])
    counts[:, EGO] = False
    return counts


def _summed(
    value: Float[Tensor, "b n"], counts: Bool[Tensor, "b n"]
) -> tuple[Float[Tensor, " b"], Tensor]:
    return torch.where(counts, value, 0.0).sum(dim=1), counts.sum(dim=1)
