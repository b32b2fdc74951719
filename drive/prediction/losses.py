"""What a joint or a marginal predictor is trained to make small.

Only the best of F futures is drawn to what happened; one that is never the best would stay where it is
for ever. `relaxed` draws all of them by that share of the error (Rupprecht et al. 2017, "relaxed
winner-takes-all"), at the beginning of a training.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from drive.networks.joint_head import JointFutures
from drive.prediction.joint import scene_logit

_NEAR_M = 0.5  # errors below it count by their square


@dataclass(frozen=True)
class FutureLoss:
    """`error`: of the best future, in metres an agent (and, relaxed, a share of the others');
    `choice`: of the score, in nats."""

    error: Float[Tensor, ""]
    choice: Float[Tensor, ""]


def agent_errors(
    position_m: Float[Tensor, "b f n t 2"],
    truth_m: Float[Tensor, "b n t 2"],
    valid: Bool[Tensor, "b n t"],
) -> Float[Tensor, "b f n"]:
    """Distance from what happened, mean over the valid instants; Huber's, so that it is smooth at 0."""
    gap = torch.where(valid.unsqueeze(-1), truth_m, 0.0).unsqueeze(1) - position_m
    distance = torch.sqrt(gap.square().sum(dim=-1) + 1e-8)
    small = 0.5 * distance.square() / _NEAR_M
    cost = torch.where(distance < _NEAR_M, small, distance - 0.5 * _NEAR_M)
    there = valid.unsqueeze(1).to(cost.dtype)
    return (cost * there).sum(dim=-1) / there.sum(dim=-1).clamp(min=1.0)


def joint_loss(
    futures: JointFutures,
    truth_m: Float[Tensor, "b n t 2"],
    valid: Bool[Tensor, "b n t"],
    agent_valid: Bool[Tensor, "b n"],
    relaxed: float = 0.0,
) -> FutureLoss:
    """One minimum over F of the error summed over the agents of a scene (Scene Transformer)."""
    counts = valid.any(dim=2) & agent_valid
    error = agent_errors(futures.position_m, truth_m, valid) * counts.unsqueeze(1)
    best, index = error.sum(dim=2).min(dim=1)
    cost = best + relaxed * error.sum(dim=2).mean(dim=1)
    logit = scene_logit(futures, agent_valid)
    return FutureLoss(
        cost.sum() / counts.sum().clamp(min=1), torch.nn.functional.cross_entropy(logit, index)
    )


def marginal_loss(
    futures: JointFutures,
    truth_m: Float[Tensor, "b n t 2"],
    valid: Bool[Tensor, "b n t"],
    agent_valid: Bool[Tensor, "b n"],
    relaxed: float = 0.0,
) -> FutureLoss:
    """A minimum over F for every agent by itself."""
    counts = valid.any(dim=2) & agent_valid
    error = agent_errors(futures.position_m, truth_m, valid)
    best, index = error.min(dim=1)
    cost = best + relaxed * error.mean(dim=1)
    chosen = torch.log_softmax(futures.logit, dim=1).gather(1, index.unsqueeze(1)).squeeze(1)
    total = counts.sum().clamp(min=1)
    return FutureLoss((cost * counts).sum() / total, -(chosen * counts).sum() / total)


def intention_loss(
    logit: Float[Tensor, "b n i"], intention: Int[Tensor, "b n"], agent_valid: Bool[Tensor, "b n"]
) -> Float[Tensor, ""]:
    """Cross entropy in nats an agent, over those whose intention is known (not negative)."""
    counts = agent_valid & (intention >= 0)
    chosen = torch.log_softmax(logit, dim=2).gather(2, intention.clamp(min=0).unsqueeze(2))
    return -(chosen.squeeze(2) * counts).sum() / counts.sum().clamp(min=1)
