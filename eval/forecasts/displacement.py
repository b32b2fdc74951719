"""Displacement errors of forecasts with several futures, as Argoverse, nuScenes and Waymo define them.

Errors are `[b f n]`, in metres, a value for each future of each agent; `k` looks at the k most probable
ones. For a shorter horizon cut the instants off first.
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


def greatest_error_m(
    position_m: Float[Tensor, "b f n t 2"],
    truth_m: Float[Tensor, "b n t 2"],
    valid: Bool[Tensor, "b n t"],
) -> Float[Tensor, "b f n"]:
    """The greatest distance at a valid instant; 0 where there is none."""
    distance = (position_m - truth_m.unsqueeze(1)).norm(dim=-1)
    return torch.where(valid.unsqueeze(1), distance, 0.0).amax(dim=-1)


def least_of_best(
    error_m: Float[Tensor, "b f n"], probability: Float[Tensor, "b f n"], k: int
) -> Float[Tensor, "b n"]:
    """The least error among each agent's k most probable futures: minADE_k, minFDE_k."""
    best = probability.topk(min(k, probability.shape[1]), dim=1).indices
    return torch.gather(error_m, 1, best).amin(dim=1)


def missed_by_best(
    error_m: Float[Tensor, "b f n"], probability: Float[Tensor, "b f n"], k: int
) -> Bool[Tensor, "b n"]:
    """Whether none of an agent's k most probable futures comes nearer than `MISS_M`: its mean is MR_k.

    nuScenes asks that of the greatest error (devkit, `MissRateTopK`), Argoverse of the final one.
    """
    return least_of_best(error_m, probability, k) >= MISS_M


def brier_least_of_best(
    final_error_m: Float[Tensor, "b f n"], probability: Float[Tensor, "b f n"], k: int
) -> Float[Tensor, "b n"]:
    """brier-minFDE_k: the least final error of the best k, and (1 - p)^2 of the future that has it.

    p is that future's share of the probability of the k, as in Argoverse's `eval_forecasting.py`
    ("brier-minFDE"; Argoverse 2 ranks by it: Wilson et al. 2021). That metres and a probability are
    added up is the original's.
    """
    top, best = probability.topk(min(k, probability.shape[1]), dim=1)
    least_m, which = torch.gather(final_error_m, 1, best).min(dim=1)
    share = torch.gather(top / top.sum(dim=1, keepdim=True), 1, which.unsqueeze(1)).squeeze(1)
    return least_m + (1.0 - share).square()


def scene_error_m(
    error_m: Float[Tensor, "b f n"], counts: Bool[Tensor, "b n"]
) -> Float[Tensor, " b"]:
    """The least over F of the mean over a scene's agents: joint minADE, minFDE; NaN: no agents."""
    there = counts.unsqueeze(1)
    mean = torch.where(there, error_m, 0.0).sum(dim=2) / there.sum(dim=2)
    return mean.amin(dim=1)
