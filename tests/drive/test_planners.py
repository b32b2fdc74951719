"""Planners in small closed loops on hand-built roads."""

import numpy as np
import pytest
import torch

from drive.planning import make_planner
from eval.metrics.suite import evaluate
from eval.rollout import Rollout, rollout
from sim.scenario import LightState, StopKind, StopLine
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

ROAD = straight(-60, 0, 200, 0)


def _drive(planner: str, cars: list[Car], seconds: float = 10.0, **kwargs) -> Rollout:
    scenario = make_scenario([ROAD], cars, seconds, **kwargs)
    return rollout(Simulator.from_scenarios([scenario], "log"), make_planner(planner))


@pytest.mark.parametrize("planner", ["idm", "pdm", "pdm+"])
def test_keeps_the_limit_on_a_free_road(planner: str) -> None:
    driven = _drive(planner, [Car(0, -40, 0, 0, 5)])
    assert abs(float(driven.velocity_mps[0, -1, 0, 0]) - 10.0) < 0.6
    assert driven.pose[0, :, 0, 1].abs().max() < 0.1


@pytest.mark.parametrize("planner", ["idm", "pdm", "pdm+"])
def test_stops_behind_a_standing_car(planner: str) -> None:
    driven = _drive(planner, [Car(0, -40, 0, 0, 8), Car(-1, 20, 0)], 14.0)
    gap = 20 - 2 - (driven.pose[0, -1, 0, 0] + 2)
    assert 0.3 < gap < 3.0
    assert driven.velocity_mps[0, -1, 0].norm() < 0.1


@pytest.mark.parametrize("planner", ["idm", "pdm", "pdm+"])
def test_stops_at_red(planner: str) -> None:
    light = np.full((1, 121), LightState.RED)
    stop = StopLine(np.array(((20.0, -2.0), (20.0, 2.0))), StopKind.SIGNAL, (0,), light=0)
    driven = _drive(planner, [Car(0, -30, 0, 0, 8)], 12.0, stop_lines=[stop], light_state=light)
    front = float(driven.pose[0, -1, 0, 0]) + 2
    assert 16 < front < 20


def test_pdm_scores_well_where_constant_velocity_crashes() -> None:
    cars = [Car(0, -40, 0, 0, 8), Car(-1, 20, 0)]
    scores = {
        name: float(evaluate(_drive(name, cars))["nuplan/no_at_fault_collision"].value)
        for name in ("pdm", "constant_velocity")
    }
    assert scores == {"pdm": 1.0, "constant_velocity": 0.0}


def test_padding_of_nan_changes_nothing_for_pdm() -> None:
    scenario = make_scenario([ROAD], [Car(0, -40, 0, 0, 8), Car(-1, 20, 0)], 3.0)
    crowd = make_scenario(
        [ROAD], [Car(0, -40, 0, 0, 8), *[Car(-1, 60 + 6 * k, 0) for k in range(3)]], 3.0
    )
    simulator = Simulator.from_scenarios([scenario, crowd], "log")
    world = simulator.world
    clean = rollout(simulator, make_planner("pdm")).pose
    world.size_m[0, 2:] = torch.nan
    world.log.pose[0, 2:] = torch.nan
    world.log.velocity_mps[0, 2:] = torch.nan
    poisoned = rollout(simulator, make_planner("pdm")).pose
    assert torch.equal(clean[:, :, 0], poisoned[:, :, 0])
