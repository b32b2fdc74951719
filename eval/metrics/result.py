"""What a metric returns."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True)
class MetricResult:
    """One number per world, whether it means anything there, and its course over the episode.

    `value` is NaN-free; where `valid` is False it does not count in any mean.
    """

    value: Float[Tensor, " b"]
    valid: Bool[Tensor, " b"]
    per_step: Float[Tensor, "b t"]
