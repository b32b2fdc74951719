"""A policy of the environments, scored as a planner."""

import gymnasium
import numpy as np
import pytest
import torch

import sim.env
from drive.planning.policy import Policy, PolicyPlanner
from eval.metrics.suite import evaluate
from eval.rollout import rollout
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

gymnasium.register_envs(sim.env)
SCENARIO = make_scenario([straight(-30, 0, 150, 0)], [Car(0, 0, 0, 0, 8.0)], 3.0)


def _cautious(batch: np.ndarray) -> np.ndarray:
    """Brakes gently, more the faster it is (the first feature is speed over 30 m/s)."""
    return np.stack((-0.5 * batch[:, 0], 0.02 * np.ones(len(batch))), axis=-1)


def _slower(batch: np.ndarray) -> np.ndarray:
    """The same on the grid: the wheel straight, -1 m/s2 above 6 m/s, and then 0."""
    return np.where(batch[:, 0] > 6.0 / 30.0, 17, 24)


@pytest.mark.parametrize(("policy", "actions"), [(_cautious, "continuous"), (_slower, "discrete")])
def test_it_drives_as_it_does_in_its_environment(policy: Policy, actions: str) -> None:
    planner = PolicyPlanner(policy, actions=actions)
    driven = rollout(Simulator.from_scenarios([SCENARIO], "log"), planner)
    env = gymnasium.make(
        "bevdrive/Drive-v0", scenarios=[SCENARIO], traffic="log", score=None, actions=actions
    )
    seen, _ = env.reset()
    for instant in range(1, 20):
        seen, *_ = env.step(policy(seen[None])[0])
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
    with pytest.raises(ValueError, match="action: not finite in world 0"):
        rollout(simulator, PolicyPlanner(lambda batch: np.full((len(batch), 2), np.nan)))
