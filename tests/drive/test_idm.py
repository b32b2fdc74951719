"""nuPlan's IDM planner; values by its law and its Euler steps of 0.5 s, worked out by hand."""

import numpy as np
import pytest
import torch

from drive.planning.idm import IdmPlanner
from sim.geometry import polyline
from sim.interface import Observation
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

ROAD = [straight(-60, 0, 200, 0)]


def _observe(*cars: Car, limit_mps: float = 10.0, lines: list | None = None) -> Observation:
    scenario = make_scenario(lines or ROAD, list(cars), 1.0, limit_mps=limit_mps)
    simulator = Simulator.from_scenarios([scenario], "log")
    return simulator.observe(simulator.reset())


def _planned(*cars: Car, limit_mps: float = 10.0) -> torch.Tensor:
    plan = IdmPlanner().plan(_observe(*cars, limit_mps=limit_mps))
    assert plan.dt_s == 0.5
    return plan.trajectory[0]


def test_a_free_road() -> None:
    # 1 - (5 / 10)^4 = 0.9375 m/s2 for 0.5 s; Euler: 2.5 m at the old speed.
    plan = _planned(Car(0, 0, 0, 0, 5))
    assert plan.shape == (16, 5)
    assert float(plan[0, 3]) == pytest.approx(5.46875, abs=1e-4)
    assert float(plan[0, 0]) == pytest.approx(2.5, abs=1e-3)


def test_behind_a_standing_car() -> None:
    # Gap 20: s* = 1 + 7.5 + 25 / (2 sqrt 3) = 15.717; 0.9375 - (15.717 / 20)^2 = 0.3199 m/s2.
    assert float(_planned(Car(0, 0, 0, 0, 5), Car(-1, 24, 0))[0, 3]) == pytest.approx(
        5.16, abs=1e-3
    )


def test_others_stay_where_they_are_and_keep_their_speed() -> None:
    # Gap 30, both at 10, limit 15: 1 - (2/3)^4 - (16 / 30)^2 = 0.5180 m/s2. Then at 10.259 the gap is
    # 25, not 30: s* = 1 + 15.3885 + 10.259 * 0.259 / 3.4641 = 17.156; 0.7812 - 0.4709 = 0.3103 m/s2.
    speed = _planned(Car(0, 0, 0, 0, 10), Car(-1, 34, 0, 0, 10), limit_mps=15.0)[:, 3]
    assert speed[:2].tolist() == pytest.approx([10.259, 10.4141], abs=1e-3)


def test_who_comes_the_other_way_has_a_speed_below_zero() -> None:
    # Gap 20, 5 m/s towards the ego at 5: s* = 8.5 + 5 * 10 / 3.4641 = 22.934; 0.9375 - 1.3149 m/s2.
    oncoming = Car(-1, 24, 0, float(np.pi), 5)
    assert float(_planned(Car(0, 0, 0, 0, 5), oncoming)[0, 3]) == pytest.approx(4.8113, abs=1e-3)


def test_it_sees_40_m() -> None:
    free = _planned(Car(0, 0, 0, 0, 5))
    assert torch.equal(_planned(Car(0, 0, 0, 0, 5), Car(-1, 40.5, 0)), free)
    assert not torch.equal(_planned(Car(0, 0, 0, 0, 5), Car(-1, 39.5, 0)), free)


def test_its_target_is_the_limit_or_the_speed_that_it_starts_with() -> None:
    planner = IdmPlanner()
    # 12 m/s where 10 are allowed: the target is 12, so nothing changes.
    first = planner.plan(_observe(Car(0, 0, 0, 0, 12))).trajectory
    assert torch.allclose(first[0, :, 3], torch.tensor(12.0), atol=1e-4)
    # Later the target stays: 1 - (6 / 12)^4 = 0.9375 m/s2, whatever is allowed there.
    later = planner.plan(_observe(Car(0, 0, 0, 0, 6), limit_mps=7.0)).trajectory
    assert float(later[0, 0, 3]) == pytest.approx(6.46875, abs=1e-4)
    planner.reset(1, torch.device("cpu"), torch.Generator())
    again = planner.plan(_observe(Car(0, 0, 0, 0, 7), limit_mps=7.0)).trajectory
    assert torch.allclose(again[0, :, 3], torch.tensor(7.0), atol=1e-4)


def test_it_does_not_slow_down_for_a_bend() -> None:
    angle = np.linspace(0, np.pi / 2, 30)
    arc = 10.0 * np.stack((np.sin(angle), 1 - np.cos(angle)), axis=1)
    bend = polyline.resample(np.concatenate((straight(-60, 0, -1, 0), arc)), 1.0)
    plan = IdmPlanner().plan(_observe(Car(0, -20, 0, 0, 10), lines=[bend])).trajectory
    assert torch.allclose(plan[0, :6, 3], torch.tensor(10.0), atol=1e-4)
