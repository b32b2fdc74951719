"""A policy of the environments, scored as a planner."""

import gymnasium
import numpy as np
import pytest
import torch

import sim.env
from drive.planning.policy import PolicyPlanner
from eval.metrics.suite import evaluate
from eval.rollout import rollout
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

gymnasium.register_envs(sim.env)
SCENARIO = make_scenario([straight(-30, 0, 150, 0)], [Car(0, 0, 0, 0, 8.0)], 3.0)


def _cautious(batch: np.ndarray) -> np.ndarray:
    """Brakes gently, more the faster it is (the first feature is speed over 30 m/s)."""
    return np.stack((-0.5 * batch[:, 0], 0.02 * np.ones(len(batch))), axis=-1)


def test_it_drives_as_it_does_in_its_environment() -> None:
    driven = rollout(Simulator.from_scenarios([SCENARIO], "log"), PolicyPlanner(_cautious))
    env = gymnasium.make("bevdrive/Drive-v0", scenarios=[SCENARIO], traffic="log", score=None)
    seen, _ = env.reset()
    for instant in range(1, 20):
        seen, *_ = env.step(_cautious(seen[None])[0].astype(np.float32))
        state = env.unwrapped._episodes.state
        assert torch.allclose(state.pose[0], driven.pose[0, instant], atol=1e-5)
    assert float(evaluate(driven)["nuplan/score"].value) > 0.5


def test_controls_are_held_between_plans() -> None:
    simulator = Simulator.from_scenarios([SCENARIO], "log")
    asked = []

    def policy(batch: np.ndarray) -> np.ndarray:
        asked.append(len(batch))
        return _cautious(batch)

    rollout(simulator, PolicyPlanner(policy), num_steps=10, replan_s=0.5)
    assert len(asked) == 2


def test_controls_that_are_none_are_named() -> None:
    simulator = Simulator.from_scenarios([SCENARIO], "log")
    with pytest.raises(ValueError, match=r"step 0: controls\.acceleration_mps2: not finite"):
        rollout(simulator, PolicyPlanner(lambda batch: np.full((len(batch), 2), np.nan)))
