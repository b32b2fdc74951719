"""Percentile bootstrap of a mean: seeded, so that the same values give the same interval."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

RESAMPLES = 10_000
_BLOCK = 500  # resamples at a time, to bound the memory
_MANY = 2_000  # values of which a resample is not drawn one by one
_FEW = 16  # different ones among them


@dataclass(frozen=True)
class Interval:
    """A mean over `count` values and the 95 % interval of it; NaN where there are none."""

    mean: float
    low: float
    high: float
    count: int

    def plain(self) -> list[float | int | None]:
        """As JSON holds it, to six digits."""
        numbers = (self.mean, self.low, self.high)
        return [None if np.isnan(v) else float(f"{v:.6g}") for v in numbers] + [self.count]


def mean_interval(values: Float[np.ndarray, " n"], seed: int = 0) -> Interval:
    """The mean of `values` (not finite: no value) and its percentile bootstrap interval.

    Of paired differences it is the paired bootstrap. Efron and Tibshirani (1993), chapter 13.
    """
    values = values[np.isfinite(values)]
    count = len(values)
    if count == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    mean = float(values.mean())
    if np.ptp(values) == 0.0:
        return Interval(mean, mean, mean, count)
    means = _resampled(values, np.random.default_rng(seed))
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(mean, float(low), float(high), count)


def _resampled(
    values: Float[np.ndarray, " n"], generator: np.random.Generator
) -> Float[np.ndarray, " r"]:
    """Means of resamples: of many values by how often each different one is drawn, or, where these are many
    too, by the normal law that they then follow; so time and memory do not grow with the values."""
    count = len(values)
    if count > _MANY:
        different, times = np.unique(values, return_counts=True)
        if len(different) <= _FEW:
            return generator.multinomial(count, times / count, RESAMPLES) @ different / count
        return generator.normal(values.mean(), values.std() / np.sqrt(count), RESAMPLES)
    return np.concatenate(
        [
            values[generator.integers(0, count, (_BLOCK, count), np.int32)].mean(axis=1)
            for _ in range(RESAMPLES // _BLOCK)
        ]
    )
