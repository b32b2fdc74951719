"""What an energy is trained to make small: InfoNCE, and the penalty on steep gradients (Implicit BC)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

STEEPEST = 1.0  # per unit of y


def info_nce(
    energy: Float[Tensor, "b k"], valid: Bool[Tensor, "b k"] | None = None
) -> Float[Tensor, " b"]:
    """-log( exp(-E_0) / sum_j exp(-E_j) ) in nats: column 0 is the demonstration, the others negatives.

    (Florence et al. 2021, section 2.) Where the columns are all there is, that is the exact -log p of
    the demonstration under p proportional to exp(-E). Those that are not `valid` are left out.
    """
    score = -energy if valid is None else (-energy).masked_fill(~valid, -torch.inf)
    return torch.logsumexp(score, dim=1) + energy[:, 0]


def gradient_penalty(gradient: Float[Tensor, "b k *d"]) -> Float[Tensor, "b k"]:
    """max(0, |dE/dy|_inf - 1)^2: keeps steps down the energy short (the same, appendix B.3)."""
    steepest = gradient.flatten(2).abs().amax(dim=2)
    return (steepest - STEEPEST).clamp(min=0.0).square()
