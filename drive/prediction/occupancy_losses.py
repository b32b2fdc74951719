"""What an occupancy predictor is trained to make small."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

_LAPLACE_M = 0.5  # scale of the distribution around each way on


def occupancy_loss(
    logit: Float[Tensor, "b c s x y"],
    occupied: Bool[Tensor, "b c s x y"],
    recorded: Bool[Tensor, "b s"],
) -> Tensor:
    """Cross entropy in nats, summed over cells, classes and recorded instants; for each occupied cell.

    All cells count alike: mining hard negatives, as P3 does, would bend the probabilities upwards.
    """
    counts = recorded[:, None, :, None, None]
    entropy = binary_cross_entropy_with_logits(logit, occupied.to(logit.dtype), reduction="none")
    return torch.where(counts, entropy, 0.0).sum() / (counts & occupied).sum().clamp(min=1)


def motion_loss(
    moved_m: Float[Tensor, "b t k x y 2"],
    mode_logit: Float[Tensor, "b t k x y"],
    true_m: Float[Tensor, "b t x y 2"],
    counts: Bool[Tensor, "b t x y"],
) -> Tensor:
    """Negative log-likelihood of the true steps in a mixture of K Laplace distributions, but for the constant
    2 log(2 scale); the mean over the cells that count."""
    distance = (moved_m - true_m.unsqueeze(2)).abs().sum(dim=-1) / _LAPLACE_M
    likelihood = torch.logsumexp(torch.log_softmax(mode_logit, dim=2) - distance, dim=2)
    return -torch.where(counts, likelihood, 0.0).sum() / counts.sum().clamp(min=1)
