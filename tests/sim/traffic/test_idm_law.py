"""The IDM law against its closed forms."""

import math

import pytest
import torch

from sim.traffic.idm_law import IdmParams, idm_acceleration

PARAMS = IdmParams(
    min_gap_m=2.0, headway_s=1.5, max_acceleration_mps2=1.2, braking_mps2=2.0, exponent=4.0
)


def _law(speed: float, desired: float, gap: float, lead: float) -> float:
    values = (torch.tensor(v, dtype=torch.float64) for v in (speed, desired, gap, lead))
    return float(idm_acceleration(*values, PARAMS))


def test_follower_settles_at_the_equilibrium_gap() -> None:
    # dv = 0 and a = 0: gap = (s0 + v T) / sqrt(1 - (v / v0)^4) = (2 + 12) / sqrt(1 - 0.4096).
    expected = 14.0 / math.sqrt(1.0 - 0.8**4)
    gap, speed = 60.0, 10.0
    for _ in range(3000):
        acceleration = _law(speed, 10.0, gap, 8.0)
        gap += (8.0 - speed) * 0.1 - 0.5 * acceleration * 0.01
        speed += acceleration * 0.1
    assert gap == pytest.approx(expected, abs=0.01)
    assert speed == pytest.approx(8.0, abs=1e-3)


def test_free_road() -> None:
    assert _law(10.0, 10.0, math.inf, 0.0) == pytest.approx(0.0, abs=1e-12)
    assert _law(0.0, 10.0, math.inf, 0.0) == pytest.approx(1.2)
    assert _law(5.0, 10.0, math.inf, 0.0) == pytest.approx(1.2 * (1 - 0.5**4))


def test_approach_by_hand() -> None:
    # v = 10, leader at 4, gap 20: s* = 2 + 15 + 10 * 6 / (2 sqrt(2.4)) = 36.3649;
    # a = 1.2 (1 - (10/12)^4 - (36.3649 / 20)^2) = -3.346.
    wanted = 2 + 15 + 60 / (2 * math.sqrt(2.4))
    expected = 1.2 * (1 - (10 / 12) ** 4 - (wanted / 20) ** 2)
    assert expected == pytest.approx(-3.346, abs=1e-3)
    assert _law(10.0, 12.0, 20.0, 4.0) == pytest.approx(expected)


def test_a_leader_that_pulls_away_is_no_reason_to_brake_harder() -> None:
    # The dynamic part of s* is cut at 0: s* = s0 = 2.
    assert _law(2.0, 10.0, 4.0, 60.0) == pytest.approx(1.2 * (1 - 0.2**4 - 0.25))


def test_a_gap_of_nothing_stays_finite() -> None:
    assert math.isfinite(_law(5.0, 10.0, -3.0, 0.0))
    assert _law(5.0, 10.0, -3.0, 0.0) < -8.0
