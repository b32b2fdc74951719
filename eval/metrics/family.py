"""What computes metrics, and what it returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float
from torch import Tensor

from eval.metrics.declaration import Metric
from eval.metrics.facts import Facts
from eval.rollout import Rollout


@dataclass(frozen=True)
class MetricResult:
    """One number per world, whether it means anything there, and its course over the episode.

    Where `valid` is False the value does not count in any mean, nor does one that is not finite.
    """

    value: Float[Tensor, " b"]
    valid: Bool[Tensor, " b"]
    per_step: Float[Tensor, "b t"]


@runtime_checkable
class MetricFamily(Protocol):
    """Metrics that are computed together because they share work; or one metric alone."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Their declarations, in the order of reports."""
        ...

    def compute(self, rollout: Rollout, facts: Facts) -> Mapping[str, MetricResult]:
        """A result for the key of each, for all worlds at once."""
        ...
