"""A policy of the Gymnasium environments as a planner."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sim.dynamics.bicycle import Controls
from sim.env.actions import Actions, actions_of, checked_actions
from sim.env.presets import Encode, Preset, as_arrays, preset_of
from sim.extras import require_installed
from sim.interface import Needs, Observation

Policy = Callable[[Any], np.ndarray]
"""A batch of observations, as the vector environment returns them, to an action a world."""


class PolicyPlanner:
    """Drives as the policy does in the environment that it was trained in.

    `policy` is shown what an environment with that `observation` shows, and its `actions` mean what they
    mean there (`sim.env.settings`). A planner for the command line is a class that says which policy:

        class MyPolicy(PolicyPlanner):
            def __init__(self):
                super().__init__(sb3_policy(Path("ppo.zip")), "vector")
    """

    def __init__(
        self,
        policy: Policy,
        observation: str | Preset | Encode = "vector",
        actions: str | Actions = "continuous",
    ) -> None:
        self._policy, self._preset = policy, preset_of(observation)
        self._actions = actions_of(actions)

    @property
    def needs(self) -> Needs:
        """What the preset of its observation needs."""
        return self._preset.needs

    def plan(self, observation: Observation) -> Controls:
        """Pedals and wheel for the next step."""
        ego = observation.ego
        chosen = self._policy(as_arrays(self._preset.encode(observation)))
        chosen = checked_actions(self._actions.space, chosen, len(ego.speed_mps))
        action = torch.from_numpy(chosen).to(ego.speed_mps.device)
        return self._actions.controls(action, ego, observation.dt_s)


def sb3_policy(path: Path, algorithm: str = "PPO") -> Policy:
    """The deterministic policy of a model that Stable-Baselines3 saved."""
    require_installed("a policy of Stable-Baselines3", "stable_baselines3")
    import stable_baselines3

    model = getattr(stable_baselines3, algorithm).load(path, device="cpu")
    return lambda batch: model.predict(batch, deterministic=True)[0]
