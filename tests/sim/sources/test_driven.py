"""A closed-loop drive as a scenario, held against the arrays that it was made of."""

from dataclasses import replace

import numpy as np
import pytest

from sim.cues import no_cues
from sim.scenario import EGO, GroundHeight, Scenario
from sim.sources.driven import driven_scenario
from sim.sources.procedural import generate

STEPS = 16


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return generate(["signalized_junction"], 1, duration_s=3.0)[0]


def drive(scenario: Scenario) -> tuple[np.ndarray, np.ndarray]:
    """Everyone on a circle of its own; agent 2 leaves at step 10, invalid entries hold NaN."""
    time = 0.1 * np.arange(STEPS)[:, None]
    turn = time * 0.3 + np.arange(scenario.num_agents)
    pose = np.stack((20 * np.sin(turn), -20 * np.cos(turn), turn), axis=-1).astype(np.float32)
    valid = np.ones(pose.shape[:2], dtype=bool)
    valid[10:, 2] = False
    pose[~valid] = np.nan
    return pose, valid


def test_motion_is_the_simulated_one(scenario: Scenario) -> None:
    pose, valid = drive(scenario)
    made = driven_scenario(scenario, pose, valid, 0.1)
    tracks = made.tracks
    assert (made.num_instants, made.num_agents) == (STEPS, scenario.num_agents)
    assert np.array_equal(tracks.valid, valid.T)
    assert not tracks.position_m[2, 10:].any() and not tracks.yaw_rad[2, 10:].any()
    for n, t in zip(*np.nonzero(tracks.valid), strict=True):
        assert np.array_equal(tracks.position_m[n, t, :2], pose[t, n, :2])
        assert tracks.yaw_rad[n, t] == pose[t, n, 2]
    # 20 m at 0.3 rad/s are 6 m/s along the heading; a central difference of 0.1 s is off by
    # (0.03 rad)^2 / 6 of that, a one-sided one at the ends turns by 0.015 rad.
    ahead = 6.0 * np.stack((np.cos(pose[..., 2]), np.sin(pose[..., 2])), axis=-1)
    error = np.linalg.norm(tracks.velocity_mps - ahead.transpose(1, 0, 2), axis=-1)
    assert np.nanmax(error[:, 1:9]) < 0.002
    assert error[EGO].max() < 0.1 and error[2, 9] < 0.1
    assert made.lights.state.shape[1] == STEPS == len(made.keyframe)
    assert np.array_equal(made.lights.state, scenario.lights.state[:, :STEPS])
    assert made.source == "run" and made.map is scenario.map and made.routes is scenario.routes


def test_parts_are_played_and_the_time_is_up_at_the_end(scenario: Scenario) -> None:
    pose, valid = drive(scenario)
    goal = np.array(((30.0, 2.0), (30.0, -2.0)), dtype=np.float32)
    parts = no_cues(scenario.num_agents)
    task = replace(scenario, goal_line_m=goal, time_limit_s=2.5, cues=parts)
    made = driven_scenario(task, pose, valid, 0.1)
    assert made.time_limit_s == pytest.approx(1.5)  # 16 instants
    assert made.cues is None
    assert made.goal_line_m is goal


def test_boxes_follow_the_ground(scenario: Scenario) -> None:
    """Ground of 3 + 0.02 x: a box whose recording floats 0.5 m over it does so where it is driven."""
    axis = np.linspace(-500.0, 500.0, 11)
    height = np.tile(3 + 0.02 * axis[:, None], (1, 11)).astype(np.float32)
    ground = GroundHeight(np.array((-500.0, -500.0)), 100.0, height)
    tracks = scenario.tracks
    floating = tracks.position_m.copy()
    half = 0.5 * tracks.size_m[:, None, 2]
    floating[..., 2] = np.where(tracks.valid, 3 + 0.02 * floating[..., 0] + half + 0.5, 0.0)
    uneven = replace(
        scenario,
        tracks=replace(tracks, position_m=floating),
        map=replace(scenario.map, ground=ground),
    )
    pose, valid = drive(scenario)
    made = driven_scenario(uneven, pose, valid, 0.1).tracks
    expected = 3 + 0.02 * pose[..., 0].T + half + 0.5
    assert np.abs(made.position_m[..., 2] - expected)[made.valid].max() < 1e-3


def test_what_does_not_fit_is_refused(scenario: Scenario) -> None:
    pose, valid = drive(scenario)
    with pytest.raises(ValueError, match=r"driven: \d+ agents, 16 instants of 0\.2 s, but signal"):
        driven_scenario(scenario, pose, valid, 0.2)
    with pytest.raises(ValueError, match="agents"):
        driven_scenario(scenario, pose[:, 1:], valid[:, 1:], 0.1)
    with pytest.raises(ValueError, match="48 instants"):
        driven_scenario(scenario, np.tile(pose, (3, 1, 1)), np.tile(valid, (3, 1)), 0.1)
    with pytest.raises(ValueError, match="position_m: not a number"):
        driven_scenario(scenario, pose, np.ones_like(valid), 0.1)
