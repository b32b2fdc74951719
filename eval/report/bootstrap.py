"""95 % intervals of means and of paired differences, which hold on small samples too; seeded."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, UInt8

RESAMPLES = 10_000
_BLOCK = 500  # resamples at a time, to bound the memory
_MANY = 2_000  # values of which a resample is not drawn one by one
_FEW = 16  # different ones among them
_FARTHEST = 3.0  # times Student's: the most of the bootstrap-t, which runs away of very few values
_TAILS = (0.025, 0.975)
Bounds = tuple[float, float]
_ANYWHERE: Bounds = (-np.inf, np.inf)


@dataclass(frozen=True)
class Interval:
    """A mean over `count` values and the 95 % interval of it; NaN where there is none.

    A single value has a mean and no interval.
    """

    mean: float
    low: float
    high: float
    count: int

    def plain(self) -> list[float | int | None]:
        """As JSON holds it, to six digits."""
        numbers = (self.mean, self.low, self.high)
        return [None if np.isnan(v) else float(f"{v:.6g}") for v in numbers] + [self.count]


def mean_interval(
    values: Float[np.ndarray, " n"], within: Bounds = _ANYWHERE, seed: int = 0
) -> Interval:
    """The mean of `values` (not finite: no value) and its interval; `within`: where means can lie.

    Of zeros and ones it is exact (Clopper and Pearson 1934). Otherwise `_spread_ends`.
    """
    values = values[np.isfinite(values)]
    if len(values) and np.isin(values, (0.0, 1.0)).all():
        return _interval(values, *_share_ends(values), within)
    return _interval(values, *_spread_ends(values, seed), within)


def difference_interval(
    gaps: Float[np.ndarray, " n"], within: Bounds = _ANYWHERE, seed: int = 0
) -> Interval:
    """The same of paired differences `gaps`.

    Those of successes (-1, 0 and 1 alone) get `_balance_ends`, others `_spread_ends`. Where the true
    mean is 0, they exclude it this often (percent of 6,000 samples; the bootstrap's percentiles in brackets):

        pairs                                       5          10         30
        normal                                  2.7 (15.4)  3.5  (9.1)  4.6 (6.5)
        exponential less 1                      6.3 (21.2)  5.6 (14.1)  4.3 (8.8)
        7 in 10 are 0, others uniform           0.1  (3.9)  1.0  (7.0)  3.9 (7.8)
        -1 and 1, 4 in 10 each                  0.0         4.4         4.6
        -1 and 1, 1 in 10 each                  0.0         0.0         1.2

    So it is nowhere above 6.5, and careful where few pairs differ. Tails heavier than an exponential's were
    not tried; with fewer than five pairs only Student's law of normal differences holds.
    """
    gaps = gaps[np.isfinite(gaps)]
    if len(gaps) > 1 and np.isin(gaps, (-1.0, 0.0, 1.0)).all():
        return _interval(gaps, *_balance_ends(gaps), within)
    return _interval(gaps, *_spread_ends(gaps, seed), within)


def _interval(values: Float[np.ndarray, " n"], low: float, high: float, within: Bounds) -> Interval:
    if not len(values):
        return Interval(np.nan, np.nan, np.nan, 0)
    if within[0] <= values.min() and values.max() <= within[1]:  # some metrics leave their range
        low, high = max(low, within[0]), min(high, within[1])
    return Interval(float(values.mean()), float(low), float(high), len(values))


def _share_ends(values: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Of zeros and ones: by the binomial law, never less than 95 %."""
    from scipy.special import betaincinv

    count, ones = len(values), float(values.sum())
    low = betaincinv(ones, count - ones + 1.0, _TAILS[0]) if ones else 0.0
    high = betaincinv(ones + 1.0, count - ones, _TAILS[1]) if ones < count else 1.0
    return low, high


def _balance_ends(gaps: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Of differences -1, 0 and 1: as if one win and one loss more had been seen (Bonett and Price 2012), with
    Student's quantile in place of the normal one."""
    from scipy.special import stdtrit

    count = len(gaps)
    seen = np.concatenate((gaps, (1.0, -1.0)))
    reach = stdtrit(count - 1, _TAILS[1]) * seen.std() / np.sqrt(len(seen))
    return seen.mean() - reach, seen.mean() + reach


def _spread_ends(values: Float[np.ndarray, " n"], seed: int) -> tuple[float, float]:
    """Either end: that of the bootstrap-t, which knows of skewness (Efron and Tibshirani 1993, chapter 12),
    or Student's where this is farther out, which holds where resamples are too few or too alike to tell.

    Of very many values the percentiles of the bootstrap. Values that are all the same have no spread."""
    from scipy.special import stdtrit

    count = len(values)
    if count < 2:
        return np.nan, np.nan
    mean = values.mean()
    if np.ptp(values) == 0.0:
        return mean, mean
    if count > _MANY:
        low, high = np.quantile(_resampled_means(values, np.random.default_rng(seed)), _TAILS)
        return low, high
    reach = stdtrit(count - 1, _TAILS[1])
    least, most = np.quantile(_resampled_t(values, _draws(count, seed)), _TAILS)
    error = values.std(ddof=1) / np.sqrt(count)
    below, above = np.clip((most, -least), reach, _FARTHEST * reach)
    return mean - error * below, mean + error * above


def _resampled_t(
    values: Float[np.ndarray, " n"], draws: UInt8[np.ndarray, "r n"]
) -> Float[np.ndarray, " t"]:
    """By how many of its own standard errors each resample's mean is off; those without spread left out."""
    count = len(values)
    away = (values - values.mean()) / values.std()
    powers = np.stack((away, away**2), axis=1)
    blocks = [draws[k : k + _BLOCK] @ powers for k in range(0, len(draws), _BLOCK)]
    off, square = np.concatenate(blocks).T / count
    variance = square - off**2
    told = variance > 1e-12
    return off[told] * np.sqrt((count - 1) / variance[told])


@lru_cache(maxsize=4)
def _draws(count: int, seed: int) -> UInt8[np.ndarray, "r n"]:
    """How often each of so many values is in each resample: the same for all metrics of a page."""
    generator, rows = np.random.default_rng(seed), np.arange(_BLOCK)[:, None] * count
    blocks = [
        np.bincount((generator.integers(0, count, (_BLOCK, count)) + rows).ravel(), minlength=_BLOCK * count)
        for _ in range(RESAMPLES // _BLOCK)
    ]  # fmt: skip
    return np.concatenate([block.astype(np.uint8) for block in blocks]).reshape(RESAMPLES, count)


def _resampled_means(
    values: Float[np.ndarray, " n"], generator: np.random.Generator
) -> Float[np.ndarray, " r"]:
    """Means of resamples of many values: by how often each different one is drawn, or, where these are many
    too, by the normal law that they then follow; so time and memory do not grow with the values."""
    count = len(values)
    different, times = np.unique(values, return_counts=True)
    if len(different) <= _FEW:
        return generator.multinomial(count, times / count, RESAMPLES) @ different / count
    return generator.normal(values.mean(), values.std() / np.sqrt(count), RESAMPLES)
