"""Forecasts of intentions against what agents did: accuracy and calibration, agents that count only."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from eval.forecasts.calibration import Reliability, reliability


def right_by_class(
    logit: Float[Tensor, "b a i"], label: Int[Tensor, "b a"], counts: Bool[Tensor, "b a"]
) -> tuple[Int[Tensor, " i"], Int[Tensor, " i"]]:
    """Of the agents with each true intention: how many were forecast right, and how many there are.

    Accuracy is the quotient of the sums over classes; the mean of the quotients, over classes that
    occur, is balanced accuracy, which frequent intentions do not decide alone.
    """
    label = torch.where(counts, label, 0).flatten()
    right = (logit.argmax(dim=-1).flatten() == label) & counts.flatten()
    none = torch.zeros(logit.shape[-1], dtype=torch.int64, device=logit.device)
    return none.scatter_add(0, label, right.long()), none.scatter_add(
        0, label, counts.flatten().long()
    )


def intention_reliability(
    logit: Float[Tensor, "b a i"], label: Int[Tensor, "b a"], counts: Bool[Tensor, "b a"]
) -> Reliability:
    """How often the most probable intention was right, by its probability; per scene.

    For `expected_calibration_error` (Guo et al. 2017, section 2): `.pooled(0)` first.
    """
    probability, best = torch.softmax(logit, dim=-1).max(dim=-1)
    return reliability(probability, best == label, counts)
