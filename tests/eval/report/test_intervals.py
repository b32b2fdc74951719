"""Intervals and tests of differences: against scipy, by hand, and how often they err if nothing differs."""

import math
from dataclasses import replace

import numpy as np
import pytest

from eval.metrics.suite import RANKING
from eval.report.bootstrap import difference_interval, mean_interval
from eval.report.compare import difference
from eval.report.significance import LEAST_PAIRS, holm, sign_flip_p

LOWER_IS_BETTER = replace(RANKING, higher_is_better=False)


def drawn(kind: str, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Differences of which the true mean is 0."""
    if kind == "normal":
        return rng.normal(size=shape)
    if kind == "skewed":
        return rng.exponential(size=shape) - 1.0
    if kind == "scores":  # mostly the same, now and then one of the two fails
        return rng.choice((-1.0, 0.0, 1.0), shape, p=(0.15, 0.7, 0.15)) * rng.uniform(0, 1, shape)
    share = {"rare": 0.1, "frequent": 0.4}[kind]
    return rng.choice((-1.0, 0.0, 1.0), shape, p=(share, 1 - 2 * share, share))


@pytest.mark.parametrize("count", [5, 10, 30])
@pytest.mark.parametrize("kind", ["normal", "skewed", "scores", "rare", "frequent"])
def test_where_nothing_differs_an_interval_seldom_excludes_0(kind: str, count: int) -> None:
    samples = drawn(kind, (400, count), np.random.default_rng(count))
    found = [difference_interval(gaps) for gaps in samples]
    wrong = np.mean([one.low > 0.0 or one.high < 0.0 for one in found])
    # Not more than 6.5 %, which 400 tell to two sigma; the percentiles of the bootstrap are wrong in 15 %
    # of fives of normal values and 21 % of skewed ones, Student's interval in 11 % of these.
    assert wrong <= 0.065 + 2.0 * math.sqrt(0.065 * 0.935 / 400)


def test_an_interval_holds_a_mean_that_is_not_0() -> None:
    rng = np.random.default_rng(2)
    shares = (rng.uniform(size=(400, 20)) < 0.9).astype(float)
    balance = rng.choice((-1.0, 0.0, 1.0), (400, 20), p=(0.05, 0.6, 0.35))
    for truth, found in (
        (0.9, [mean_interval(values) for values in shares]),
        (0.3, [difference_interval(gaps) for gaps in balance]),
        (1.0, [mean_interval(values) for values in rng.exponential(size=(400, 30))]),
    ):
        assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.95 - 2.0 * math.sqrt(
            0.05 * 0.95 / 400
        )


@pytest.mark.parametrize("ones", [0, 1, 7, 8])
def test_shares_are_exact(ones: int) -> None:
    from scipy.stats import binomtest

    found = mean_interval(np.repeat((1.0, 0.0), (ones, 8 - ones)))
    truth = binomtest(ones, 8).proportion_ci(0.95, "exact")
    assert (found.low, found.high) == pytest.approx((truth.low, truth.high), abs=1e-9)
    assert found.mean == ones / 8


def test_wins_and_losses_by_hand() -> None:
    # 4 won, 1 lost, 5 tied: with one more of each a mean of 3 / 12 and a variance of 7 / 12 - 1 / 16 =
    # 0.520833; Student's 2.262157 of 9 degrees of freedom times sqrt(0.520833 / 12) is 0.471284.
    found = difference_interval(np.repeat((1.0, -1.0, 0.0), (4, 1, 5)))
    assert found.mean == pytest.approx(0.3)
    assert (found.low, found.high) == pytest.approx((0.25 - 0.471284, 0.25 + 0.471284), abs=1e-5)
    # Five of five won are no proof (1 in 16 by chance); bounds are kept.
    assert difference_interval(np.ones(5), (-1.0, 1.0)).low < 0.0
    assert difference_interval(np.ones(5), (-1.0, 1.0)).high == 1.0


def test_never_narrower_than_students_and_wider_to_the_side_of_the_tail() -> None:
    from scipy.stats import bootstrap as scipy_bootstrap
    from scipy.stats import t

    rng = np.random.default_rng(5)
    few, many = rng.exponential(size=12), rng.exponential(size=400)
    low, high = t.interval(0.95, 11, few.mean(), few.std(ddof=1) / math.sqrt(12))
    found = mean_interval(few)
    assert found.low <= low + 1e-9
    assert found.high - few.mean() > 1.1 * (high - few.mean())
    assert mean_interval(few) == found  # seeded
    # Of many values all methods agree.
    truth = scipy_bootstrap((many,), np.mean, method="BCa", rng=3).confidence_interval
    found, width = mean_interval(many), truth.high - truth.low
    assert (found.low, found.high) == pytest.approx((truth.low, truth.high), abs=0.07 * width)


@pytest.mark.parametrize("count", [2001, 400_000])
def test_of_very_many_the_normal_law(count: int) -> None:
    rng = np.random.default_rng(1)
    for values in (rng.exponential(size=count), rng.choice((0.0, 0.5, 1.0), count)):
        reach = 1.959964 * values.std() / math.sqrt(count)
        found = mean_interval(values)
        ends = (found.low - found.mean, found.high - found.mean)
        assert ends == pytest.approx((-reach, reach), rel=0.05)


def test_what_has_no_interval() -> None:
    assert mean_interval(np.array((np.nan,))).plain() == [None, None, None, 0]
    assert mean_interval(np.array((0.5, np.nan))).plain() == [0.5, None, None, 1]
    assert difference_interval(np.array((1.0,))).plain() == [1.0, None, None, 1]
    assert mean_interval(np.array((0.7, 0.7))).plain() == [0.7, 0.7, 0.7, 2]


@pytest.mark.parametrize("count", [2, 5, 12, 13, 60])
def test_the_test_is_scipys(count: int) -> None:
    from scipy.stats import permutation_test

    rng = np.random.default_rng(count)
    gaps = rng.normal(0.3, 1.0, size=count)
    truth = permutation_test(
        (gaps,), lambda x, axis: x.mean(axis=axis), permutation_type="samples", vectorized=True,
        n_resamples=20_000, rng=rng,
    ).pvalue  # fmt: skip
    # Up to 12 both try all choices of signs; of more either draws 20,000.
    sure = 1e-12 if count <= 12 else 5.0 * math.sqrt(2.0 * truth * (1.0 - truth) / 20_000)
    found = sign_flip_p(np.concatenate((gaps, np.zeros(9), (np.nan,))))
    assert found == pytest.approx(truth, abs=sure)


def test_the_test_by_hand() -> None:
    # All of five won: 2 of 32 choices of signs are as far out. 3 won, 1 lost: 10 of 16.
    assert sign_flip_p(np.ones(5)) == 2 / 32
    assert sign_flip_p(np.array((1.0, 1.0, 1.0, -1.0))) == 10 / 16
    assert sign_flip_p(np.zeros(4)) == 1.0 and math.isnan(sign_flip_p(np.array(())))
    # A sum of 3,000 signs that is 110 is 110 / sqrt(3000) = 2.00832 sigma off: 4.4609 %.
    many = np.repeat((1.0, -1.0), (1555, 1445))
    assert sign_flip_p(many) == pytest.approx(0.044609, abs=1e-5)
    assert sign_flip_p(np.ones(300)) == 1 / 20_001  # none of those drawn is as far out


def test_corrected_by_hand() -> None:
    # In order 0.01 * 4, 0.025 * 3, 0.03 * 2 (but not below the one before), 0.6 * 1.
    corrected = holm(np.array((0.6, 0.025, np.nan, 0.01, 0.03)))
    assert corrected == pytest.approx((0.6, 0.075, np.nan, 0.04, 0.075), nan_ok=True)
    assert holm(np.array((0.5, 0.9))).max() == 1.0


def test_a_difference_by_hand() -> None:
    a = np.array((0.5, 0.25, 1.0, np.nan, 0.2))
    b = np.array((0.9, 0.10, 1.0, 0.3, np.nan))
    found = difference(a, b, RANKING)
    # +0.40, -0.15 and 0 over the three that have both.
    assert found.interval.mean == pytest.approx(0.25 / 3)
    assert found.interval.count == 3
    assert (found.wins, found.losses, found.ties) == (1, 1, 1)
    assert found.interval.low < 0.25 / 3 < found.interval.high
    assert (found.mean_a, found.mean_b) == (pytest.approx(1.75 / 3), pytest.approx(2.0 / 3))
    lower = difference(a, b, LOWER_IS_BETTER)
    assert (lower.wins, lower.losses) == (1, 1) and lower.interval == found.interval
    assert difference(np.zeros(2), np.ones(2), LOWER_IS_BETTER).losses == 2
    assert found.p == 1.0  # 0.25 and 0.55 to either side: none is nearer


@pytest.mark.parametrize(
    ("count", "corrected_p", "verdict"),
    [
        (LEAST_PAIRS - 1, 0.0001, "few"),
        (LEAST_PAIRS, 0.049, "better"),
        (LEAST_PAIRS, 0.05, "same"),
    ],
)
def test_who_may_be_called_better(count: int, corrected_p: float, verdict: str) -> None:
    gain = difference(np.zeros(count), np.full(count, 0.1), RANKING)
    assert gain.verdict(corrected_p, higher_is_better=True) == verdict
    turned = {"better": "worse"}.get(verdict, verdict)
    assert gain.verdict(corrected_p, higher_is_better=False) == turned


@pytest.mark.parametrize("kind", ["many different", "few different"])
def test_of_very_many_values_the_ends_are_those_of_the_normal_law(kind: str) -> None:
    rng = np.random.default_rng(3)
    values = rng.exponential(size=20_000)
    if kind == "few different":
        values = np.round(values.clip(max=3.0))
    found = mean_interval(values)
    reach = 1.96 * values.std() / math.sqrt(len(values))
    assert found.mean == pytest.approx(values.mean())
    assert found.high - found.mean == pytest.approx(reach, rel=0.05)
    assert found.mean - found.low == pytest.approx(reach, rel=0.05)
