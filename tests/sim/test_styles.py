"""Styles: what is promised of their shares and spreads, and that they are the same for everyone."""

import dataclasses

import numpy as np
import pytest

from sim.scenario import EGO, AgentKind, Styles, Yielding
from sim.styles import draw_styles, uniform_styles, with_style

MANY = 20_000


def _draw(spread: str, kind: AgentKind = AgentKind.VEHICLE) -> Styles:
    return draw_styles(np.random.default_rng(1), np.full(MANY, kind), spread)  # type: ignore


def test_shares_of_those_who_break_rules_are_as_stated() -> None:
    # Three standard deviations of a share of 10 % among 20,000 are 0.6 %.
    strong = _draw("strong")
    for what, share in ((Yielding.NEVER, 0.04), (Yielding.LATE, 0.08), (Yielding.CREEPS, 0.1)):
        assert np.mean(strong.yields == what) == pytest.approx(share, abs=0.007)
    assert np.mean(strong.runs_red) == pytest.approx(0.01, abs=0.003)
    assert np.mean(strong.rolls_stop) == pytest.approx(0.5, abs=0.011)
    mild = _draw("mild")
    assert not (mild.yields == Yielding.NEVER).any()
    assert not mild.runs_red.any()


def test_one_in_ten_on_foot_does_not_look() -> None:
    walking = _draw("strong", AgentKind.PEDESTRIAN)
    assert np.mean(walking.yields == Yielding.NEVER) == pytest.approx(0.1, abs=0.007)
    assert np.isin(walking.yields, (Yielding.NEVER, Yielding.DUE)).all()


def test_who_drives_fast_keeps_short_headways() -> None:
    # Two scores that share a trait of loading 0.6 correlate by 0.36, less where they are clipped.
    strong = _draw("strong")
    found = np.corrcoef(strong.speed_factor, strong.headway_s)[0, 1]
    assert found == pytest.approx(-0.36, abs=0.05)


def test_the_ego_is_the_mean_and_keeps_the_rules() -> None:
    strong = _draw("strong")
    assert strong.headway_s[EGO] == pytest.approx(1.3)
    assert strong.yields[EGO] == Yielding.DUE
    assert strong.noise_mps2[EGO] == 0.0


def test_the_same_seed_draws_the_same() -> None:
    a, b = _draw("strong"), _draw("strong")
    for f in dataclasses.fields(a):
        assert getattr(a, f.name).tobytes() == getattr(b, f.name).tobytes()


def test_uniform_speeds_by_hand() -> None:
    # frac(0.618034) = 0.618034, frac(1.236068) = 0.236068; 0.85 + 0.15 of it.
    factor = uniform_styles(3).speed_factor
    assert factor == pytest.approx((0.97, 0.9427051, 0.8854102), abs=1e-6)


def test_one_agent_may_be_different() -> None:
    plain = uniform_styles(3)
    other = with_style(plain, 1, politeness=0.9)
    assert other.politeness.tolist() == pytest.approx((0.3, 0.9, 0.3))
    assert plain.politeness.tolist() == pytest.approx((0.3, 0.3, 0.3))
