"""Structured max-margin: what was driven should cost less than anything else, the more the worse that is."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def stepwise_margin(
    driven: Float[Tensor, "b t"],
    cost: Float[Tensor, "b k t"],
    margin: Float[Tensor, "b k t"],
    valid: Bool[Tensor, "b k"],
    relu_inside: bool = True,
) -> Float[Tensor, " b"]:
    """max_k sum_t [ c_driven^t - c_k^t + margin_k^t ]_+ (NMP, Zeng et al. 2019, eq. 3).

    Outside: [ max_k sum_t ... ]_+, in which one instant's slack pays for another's violation.
    """
    violation = driven.unsqueeze(1) - cost + margin
    total = violation.clamp(min=0.0).sum(dim=2) if relu_inside else violation.sum(dim=2)
    return _worst(total, valid)


def interpretable_margin(
    driven_whole: Float[Tensor, " b"],
    driven_each: Float[Tensor, "b t"],
    whole: Float[Tensor, "b k"],
    each: Float[Tensor, "b k t"],
    distance: Float[Tensor, "b k"],
    harm: Float[Tensor, "b k t"],
    valid: Bool[Tensor, "b k"],
) -> Float[Tensor, " b"]:
    """max_k [ dC_whole + l_distance + sum_t [ dC_each^t + l_harm^t ]_+ ]_+, d: driven less candidate.

    P3 (Sadat et al. 2020, section 3.4).
    """
    unsafe = (driven_each.unsqueeze(1) - each + harm).clamp(min=0.0).sum(dim=2)
    return _worst(driven_whole.unsqueeze(1) - whole + distance + unsafe, valid)


def _worst(total: Float[Tensor, "b k"], valid: Bool[Tensor, "b k"]) -> Float[Tensor, " b"]:
    """The largest of the valid ones, at least 0; 0 where there is none."""
    held = torch.where(valid, total, 0.0)
    return held.amax(dim=1).clamp(min=0.0)
