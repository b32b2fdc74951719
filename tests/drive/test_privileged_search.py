"""The search finds drives that others do not, and what it hands out was really driven."""

import pytest
import torch

from drive.planning import make_planner
from drive.planning.privileged_search.driver import TrialDriver
from drive.planning.privileged_search.search import search
from drive.planning.privileged_search.trials import Trial, Way, Ways
from eval.rollout import rollout
from sim.errors import InputError
from sim.geometry import box
from sim.scenario import EGO, Scenario
from sim.simulator import Simulator
from sim.sources.procedural import draft, generate, make_draft
from sim.sources.procedural.record import record


@pytest.fixture(scope="module")
def blocked() -> Scenario:
    """Something stands in the ego's lane; who keeps to its line does not pass."""
    return record([make_draft("blocked_lane", 2, 18.0)])[0]


def _passed(scenario: Scenario, place_m: torch.Tensor) -> bool:
    """Whether a course `[T, 2]` gets past the goal line (it lies across the road, ahead)."""
    goal = torch.as_tensor(scenario.goal_line_m)
    across = goal[0] - goal[1]
    onward = torch.stack((across[1], -across[0])) / torch.linalg.vector_norm(across)
    return bool(((place_m - goal.mean(dim=0)) @ onward).max() > 0)


@torch.no_grad()
def test_the_drive_that_is_found_is_driven_again(blocked: Scenario) -> None:
    simulator = Simulator.from_scenarios([blocked], "idm")
    (drive,) = search(simulator, [0], trials=16)
    assert drive.goal_s is not None
    assert blocked.time_limit_s is not None
    assert drive.goal_s <= blocked.time_limit_s
    kept_to_its_line = rollout(simulator, make_planner("idm"), replan_s=0.5)
    assert not _passed(blocked, kept_to_its_line.pose[0, :, EGO, :2])
    planner = make_planner("privileged_search")
    planner.drives = [drive]  # type: ignore[attr-defined]
    planner.reset = lambda *_: None  # type: ignore[attr-defined]  # it keeps what was found
    until = round(drive.goal_s / simulator.world.dt_s) + 1
    driven = rollout(simulator, planner, num_steps=until)
    assert torch.allclose(driven.pose[0, :, EGO], drive.course[: until + 1, :3], atol=2e-3)
    size = driven.world.size_m[:, :, :2]
    depth = box.penetration_m(
        driven.pose[0, :until, :1], size[:, :1], driven.pose[0, :until, 1:], size[:, 1:]
    )
    assert (depth[driven.valid[0, :until, 1:]] <= 0.0).all()
    corners = box.corners(driven.pose[:, :until, EGO], size[:, EGO])
    assert driven.world.field.offroad_distance_m(corners).max() < 0.3


def test_ways_move_over_and_come_back(blocked: Scenario) -> None:
    """2 m to the left from 30 m on; fully there 20 m later, and back 20 m after 70 m."""
    ways = Ways(blocked)
    line, _ = ways.reference
    moved, _ = ways.line(Way(shift_m=2.0, from_m=30.0, to_m=70.0, length_m=20.0))
    gap = ((moved - line) ** 2).sum(axis=1) ** 0.5
    assert gap[:30].max() == 0.0
    assert gap[40] == pytest.approx(1.0, abs=0.1)
    assert gap[51:69] == pytest.approx(2.0, abs=0.02)
    assert gap[91:].max() == pytest.approx(0.0, abs=1e-6)
    assert ways.leads_to_goal(Way())


@torch.no_grad()
def test_a_trial_waits_where_and_as_long_as_it_says(blocked: Scenario) -> None:
    simulator = Simulator.from_scenarios([blocked] * 2, "idm")
    trials = [Trial(Way(), wait_at_m=30.0, go_s=6.0), Trial(Way())]
    driver = TrialDriver.of([(Ways(blocked), trial) for trial in trials])
    state = simulator.reset()
    gone = []
    for _ in range(90):
        state = simulator.step(state, driver.plan(simulator.world, state))
        gone.append(torch.linalg.vector_norm(state.pose[:, EGO, :2], dim=1))
    waits, goes = torch.stack(gone, dim=1)
    assert 15.0 < waits[59] < 30.0
    assert waits[89] > waits[59] + 3.0
    assert goes[59] > 33.0


def test_scenarios_without_a_goal_are_refused() -> None:
    scenario = generate(["straight"], 1, duration_s=1.0)[0]
    simulator = Simulator.from_scenarios([scenario], "idm")
    with pytest.raises(InputError, match="no goal"):
        rollout(simulator, make_planner("privileged_search"))
    assert draft("straight", 0).goal_line_m is None
