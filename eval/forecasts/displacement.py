"""Displacement errors of forecasts with several futures, as Argoverse, nuScenes and Waymo define them.

Errors are `[..., f]`, a value a future; `k` looks at the k most probable ones.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

MISS_M = 2.0  # nuScenes' and Argoverse's


def average_error_m(
    position_m: Float[Tensor, "b f n t 2"],
    truth_m: Float[Tensor, "b n t 2"],
    valid: Bool[Tensor, "b n t"],
) -> Float[Tensor, "b f n"]:
    """ADE: mean distance over the valid instants; 0 where there is none."""
    distance = (position_m - truth_m.unsqueeze(1)).norm(dim=-1)
    distance = torch.where(valid.unsqueeze(1), distance, 0.0)
    return distance.sum(dim=-1) / valid.sum(dim=-1).clamp(min=1).unsqueeze(1)


def final_error_m(
    position_m: Float[Tensor, "b f n t 2"],
    truth_m: Float[Tensor, "b n t 2"],
    valid: Bool[Tensor, "b n t"],
) -> Float[Tensor, "b f n"]:
    """FDE: distance at the last valid instant; 0 where there is none."""
    number = torch.arange(1, valid.shape[2] + 1, device=valid.device)
    last = (torch.where(valid, number, 0).amax(dim=2) - 1).clamp(min=0)
    distance = (position_m - truth_m.unsqueeze(1)).norm(dim=-1)
    index = last[:, None, :, None].expand(*distance.shape[:3], 1)
    return torch.where(valid.any(dim=2).unsqueeze(1), torch.gather(distance, 3, index)[..., 0], 0.0)


def least_of_best(
    error_m: Float[Tensor, "b f n"], probability: Float[Tensor, "b f n"], k: int
) -> Float[Tensor, "b n"]:
    """The least error among each agent's k most probable futures: minADE_k, minFDE_k."""
    best = probability.topk(min(k, probability.shape[1]), dim=1).indices
    return torch.gather(error_m, 1, best).amin(dim=1)


def scene_error_m(
    error_m: Float[Tensor, "b f n"], counts: Bool[Tensor, "b n"]
) -> Float[Tensor, " b"]:
    """The least over F of the mean over a scene's agents: joint minADE, minFDE; NaN: no agents."""
    there = counts.unsqueeze(1)
    mean = torch.where(there, error_m, 0.0).sum(dim=2) / there.sum(dim=2)
    return mean.amin(dim=1)
