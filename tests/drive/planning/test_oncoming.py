"""Who drives against the lanes, by hand: at a junction nobody may, for 6 m within 1 s or more."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from drive.planning import make_planner
from drive.planning.candidates import DT_S, POINTS, Candidates
from drive.planning.foretold_planner import ForetoldPlanner
from drive.planning.oncoming import against_flow_m, is_wrong_way, without_wrong_way
from sim.interface import Needs, Observation
from sim.scenario import AreaKind, MapArea
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

OWN_M, ONCOMING_M, OFF_M = 0.0, 4.0, -6.0  # across


def _seen(needs: Needs) -> Observation:
    """The ego's lane leads ahead, the one to its left comes towards it; from 10 to 20 m is a junction."""
    lines = [straight(-60.0, 0.0, 200.0, 0.0), straight(200.0, 4.0, -60.0, 4.0)]
    scenario = make_scenario(lines, [Car(0, 0.0, 0.0, 0.0, 8.0)], 3.0)
    corners = np.array(((10, -8), (20, -8), (20, 8), (10, 8)), dtype=np.float32)
    scenario.map.areas.append(MapArea(AreaKind.INTERSECTION, corners))
    simulator = Simulator.from_scenarios([scenario], "log", needs)
    return simulator.observe(simulator.reset())


@pytest.fixture(scope="module")
def observation() -> Observation:
    return _seen(Needs(map=True))


def _drives(*drives: tuple[float, float]) -> Candidates:
    """Straight on at so many m/s, so far to the left."""
    time_s = DT_S * torch.arange(1, POINTS + 1)
    trajectory = torch.zeros(1, len(drives), POINTS, 5)
    for k, (speed_mps, y_m) in enumerate(drives):
        trajectory[0, k, :, 0], trajectory[0, k, :, 1] = speed_mps * time_s, y_m
        trajectory[0, k, :, 3] = speed_mps
    return Candidates(trajectory, torch.ones(1, len(drives), dtype=torch.bool))


def test_who_passes_slowly_may_and_who_is_fast_may_not(observation: Observation) -> None:
    candidates = _drives((10.0, OWN_M), (5.0, ONCOMING_M), (7.0, ONCOMING_M), (7.0, OFF_M))
    pose, speed_mps = candidates.trajectory[..., :3], candidates.trajectory[..., 3]
    assert observation.map is not None
    against_m = against_flow_m(observation.map, pose, speed_mps, DT_S)
    assert against_m[0].tolist() == pytest.approx([0.0, 5.0, 7.0, 0.0])
    assert without_wrong_way(observation, candidates).valid[0].tolist() == [True, True, False, True]


def test_a_slow_cyclist_may_be_passed_where_there_is_no_junction(observation: Observation) -> None:
    candidates = _drives((10.0, OWN_M), (7.0, ONCOMING_M))
    candidates.trajectory[..., 0] += 30.0
    assert without_wrong_way(observation, candidates).valid.all()


def test_half_a_second_of_it_is_no_second(observation: Observation) -> None:
    candidates = _drives((10.0, OWN_M))
    candidates.trajectory[0, 0, 4, 1] = ONCOMING_M
    assert without_wrong_way(observation, candidates).valid.all()  # 5 m
    candidates.trajectory[0, 0, 5, 1] = ONCOMING_M
    both = Candidates.joined((candidates, _drives((1.0, OWN_M))))
    assert without_wrong_way(observation, both).valid[0].tolist() == [False, True]  # 10 m


def test_where_there_is_nothing_else_or_no_map_all_are_kept(observation: Observation) -> None:
    candidates = _drives((9.0, ONCOMING_M), (10.0, ONCOMING_M))
    assert without_wrong_way(observation, candidates).valid.all()
    mixed = _drives((9.0, ONCOMING_M), (9.0, OWN_M))
    assert without_wrong_way(replace(observation, map=None), mixed).valid.all()


@pytest.mark.parametrize("name", ["p3", "hand_cost", "behaviour", "costvolume"])
def test_no_planner_that_knows_the_map_may_choose_it(name: str) -> None:
    planner = make_planner(name)
    assert isinstance(planner, ForetoldPlanner)
    seen = _seen(planner.needs)
    assert seen.map is not None
    every = planner.sampler(seen)
    assert (is_wrong_way(seen.map, every.trajectory, DT_S) & every.valid).any()
    planner.best = sys.maxsize
    with torch.no_grad():
        rated = planner.rated(seen).candidates
    wrong = is_wrong_way(seen.map, rated.trajectory, DT_S)
    assert rated.valid.any() and not (wrong & rated.valid).any()
