"""Whether paired differences are more than chance: sign-flip tests, corrected where many are made."""

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int, Int8

LEAST_PAIRS = 20
"""With fewer pairs nobody is called better. What stands out among few is the luckiest of a page's many
comparisons, and looks larger than it is: even of 20 a planner has to win 17 for p = 0.003. The intervals of
skewed differences, too, are only good from about there on."""
ALPHA = 0.05
_EXACT = 12  # differences of which all 4,096 choices of signs are tried
_FLIPS = 20_000  # choices drawn of more: fine enough to be corrected for a thousand comparisons
_BLOCK = 1_000  # of them at a time, to bound the memory
_MANY = 2_000  # differences that are not 0, whose sum is as good as normal


def sign_flip_p(gaps: Float[np.ndarray, " n"], seed: int = 0) -> float:
    """How likely a mean as far from 0 is, to either side, if every difference could as well have had the
    other sign (Fisher 1935); NaN where there are none.

    Exact of up to 12 differences that are not 0, which tell nothing; of more by draws, the one that was
    seen counted among them, so that it is never too small; of very many by the normal law.
    """
    gaps = gaps[np.isfinite(gaps)]
    if len(gaps) == 0:
        return math.nan
    reached = abs(gaps.sum()) * (1.0 - 1e-9)  # the same sum in another order
    told = gaps[gaps != 0.0]
    if len(told) <= _EXACT:
        every = np.arange(2 ** len(told))[:, None] >> np.arange(len(told)) & 1
        return float((_sums(every, told) >= reached).mean())
    if len(told) > _MANY:
        return math.erfc(reached / math.sqrt(2.0 * (told**2).sum()))
    turned = gaps if len(gaps) <= _MANY else told
    flips = _flips(len(turned), seed)
    blocks = (flips[k : k + _BLOCK] for k in range(0, _FLIPS, _BLOCK))
    farther = sum(int((_sums(block, turned) >= reached).sum()) for block in blocks)
    return (1 + farther) / (1 + _FLIPS)


def _sums(flips: Int[np.ndarray, "r n"], gaps: Float[np.ndarray, " n"]) -> Float[np.ndarray, " r"]:
    """Absolute sums with the signs turned where `flips` is 1."""
    return np.abs(gaps.sum() - 2.0 * (flips @ gaps))


@lru_cache(maxsize=4)
def _flips(count: int, seed: int) -> Int8[np.ndarray, "r n"]:
    """Which of so many differences are turned in each draw: the same for all metrics of a page."""
    return np.random.default_rng(seed).integers(0, 2, (_FLIPS, count), np.int8)


def holm(p: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """The p values of K tests made together, each corrected for the others (Holm 1979); NaN: no test.

    Whoever believes those below 5 % errs in any of them at most once in 20 pages.
    """
    corrected = np.full(len(p), np.nan)
    order = np.argsort(p)[: np.isfinite(p).sum()]  # NaN is sorted to the end
    left = len(order) - np.arange(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * left), 1.0)
    return corrected
