"""MOBIL's inequalities on a case worked out by hand."""

import pytest
import torch

from sim.traffic.mobil import Accelerations, incentive_mps2, is_safe, safe_braking_mps2


def _of(own: float, new: float, old: float) -> Accelerations:
    return Accelerations(*(torch.tensor([value]) for value in (own, new, old)))


BEFORE, AFTER = _of(-1.0, 0.4, -0.2), _of(0.5, -0.8, 0.3)


def test_incentive_by_hand() -> None:
    # (0.5 + 1.0) + p ((-0.8 - 0.4) + (0.3 + 0.2)) = 1.5 - 0.7 p.
    for politeness, gain in ((0.0, 1.5), (0.5, 1.15), (1.0, 0.8)):
        found = incentive_mps2(BEFORE, AFTER, torch.tensor([politeness]))
        assert float(found) == pytest.approx(gain, abs=1e-6)


def test_safe_is_what_asks_no_more_of_the_new_follower() -> None:
    assert bool(is_safe(AFTER, torch.tensor([0.81])))
    assert not bool(is_safe(AFTER, torch.tensor([0.79])))


def test_safe_is_what_asks_no_more_of_the_driver_itself() -> None:
    assert not bool(is_safe(_of(-2.5, 0.0, 0.0), torch.tensor([2.0])))


def test_more_may_be_asked_towards_the_end_of_a_chance() -> None:
    # From 2 m/s2 at 100 m and more to 4 m/s2 at its end.
    found = safe_braking_mps2(torch.tensor([torch.inf, 100.0, 50.0, 0.0]))
    assert found.tolist() == pytest.approx([2.0, 2.0, 3.0, 4.0])
