"""Maximum likelihood of what was driven under exp(-cost), over a finite set of candidates.

Maximum-entropy inverse optimal control (Ziebart et al. 2008): every candidate pulls, not the worst alone.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

_NEVER = -1e4


def likelihood_loss(
    cost: Float[Tensor, "b k"],
    distance_m: Float[Tensor, "b k"],
    harms: Bool[Tensor, "b k"],
    valid: Bool[Tensor, "b k"],
    near_m: float,
) -> Float[Tensor, " b"]:
    """Cross entropy of softmax(-cost) with what is wanted, in nats: softmax(-distance / near).

    What was driven is none of the candidates, so those near to it are wanted in its place; what harms
    somebody or cannot be driven is not wanted at all. 0 where nothing is wanted.
    """
    wanted = valid & ~harms
    aim = torch.softmax(torch.where(wanted, -distance_m / near_m, _NEVER), dim=1)
    told = torch.log_softmax(torch.where(valid, -cost, _NEVER), dim=1)
    return -(torch.where(wanted, aim * told, 0.0)).sum(dim=1)
