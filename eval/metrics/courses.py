"""From the course of something over an episode to one number of a world; what is not active is left out."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from eval.metrics.family import MetricResult


def at_last(values: Float[Tensor, "b t"], counts: Bool[Tensor, "b t"]) -> Float[Tensor, " b"]:
    """The value at the last instant that counts."""
    return torch.gather(values, 1, _last(counts)).squeeze(1)


def always(holds: Bool[Tensor, "b t"], active: Bool[Tensor, "b t"]) -> MetricResult:
    """1 if it holds at every active instant, else 0."""
    course = (holds | ~active).float()
    return MetricResult(course.amin(dim=1), active[:, 0], course)


def ever(holds: Bool[Tensor, "b t"], active: Bool[Tensor, "b t"]) -> MetricResult:
    """1 if it holds at any active instant, else 0."""
    course = (holds & active).float()
    return MetricResult(course.amax(dim=1), active[:, 0], course)


def mean(values: Float[Tensor, "b t"], active: Bool[Tensor, "b t"]) -> MetricResult:
    """The mean over the active instants."""
    course = torch.where(active, values, 0.0)
    count = active.sum(dim=1).clamp(min=1)
    return MetricResult(course.sum(dim=1) / count, active[:, 0], course)


def _last(counts: Bool[Tensor, "b t"]) -> Tensor:
    """The number of the last instant that counts, `[B, 1]`."""
    return (counts * torch.arange(counts.shape[1], device=counts.device)).amax(dim=1, keepdim=True)
