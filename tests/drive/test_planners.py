"""Planners in small closed loops on hand-built roads."""

from functools import cache

import numpy as np
import pytest
import torch

from drive.planning import make_planner
from eval.metrics.suite import evaluate
from eval.rollout import Rollout, rollout
from sim.scenario import LightState, Scenario, StopKind, StopLine
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

ROAD = straight(-60, 0, 200, 0)


SECONDS = 9.0
STANDING = [Car(0, -10, 0, 0, 8), Car(-1, 20, 0)]


def _scenarios() -> list[Scenario]:
    """A free road, one on which a car stands, and one with a red light."""
    light = np.full((1, round(SECONDS * 10) + 1), LightState.RED)
    stop = StopLine(np.array(((20.0, -2.0), (20.0, 2.0))), StopKind.SIGNAL, (0,), light=0)
    return [
        make_scenario([ROAD], [Car(0, -40, 0, 0, 7)], SECONDS),
        make_scenario([ROAD], STANDING, SECONDS),
        make_scenario(
            [ROAD], [Car(0, -10, 0, 0, 8)], SECONDS, stop_lines=[stop], light_state=light
        ),
    ]


@cache
def _driven(planner: str) -> Rollout:
    """All of them, together."""
    return rollout(Simulator.from_scenarios(_scenarios(), "log"), make_planner(planner))


PLANNERS = pytest.mark.parametrize("planner", ["idm", "pdm", "pdm+"])


@PLANNERS
def test_keeps_the_limit_on_a_free_road(planner: str) -> None:
    driven = _driven(planner)
    assert abs(float(driven.velocity_mps[0, 80, 0, 0]) - 10.0) < 0.6
    assert driven.pose[0, :, 0, 1].abs().max() < 0.1


@PLANNERS
def test_stops_behind_a_standing_car(planner: str) -> None:
    driven = _driven(planner)
    gap = 20 - 2 - (driven.pose[1, -1, 0, 0] + 2)
    assert 0.3 < gap < 3.0
    assert driven.velocity_mps[1, -1, 0].norm() < 0.1


@PLANNERS
def test_stops_at_red(planner: str) -> None:
    front = float(_driven(planner).pose[2, -1, 0, 0]) + 2
    assert 16 < front < 20


def test_pdm_scores_well_where_constant_velocity_crashes() -> None:
    scores = {
        name: float(evaluate(_driven(name))["nuplan/no_at_fault_collision"].value[1])
        for name in ("pdm", "constant_velocity")
    }
    assert scores == {"pdm": 1.0, "constant_velocity": 0.0}


def test_padding_of_nan_changes_nothing_for_pdm() -> None:
    scenario = make_scenario([ROAD], STANDING, 0.8)
    crowd = make_scenario(
        [ROAD], [Car(0, -10, 0, 0, 8), *[Car(-1, 60 + 6 * k, 0) for k in range(3)]], 0.8
    )
    simulator = Simulator.from_scenarios([scenario, crowd], "log")
    world = simulator.world
    clean = rollout(simulator, make_planner("pdm")).pose
    world.size_m[0, 2:] = torch.nan
    world.log.pose[0, 2:] = torch.nan
    world.log.velocity_mps[0, 2:] = torch.nan
    poisoned = rollout(simulator, make_planner("pdm")).pose
    assert torch.equal(clean[:, :, 0], poisoned[:, :, 0])
