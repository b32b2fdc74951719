"""A policy of the Gymnasium environments as a planner."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sim.dynamics.bicycle import Controls
from sim.env.actions import controls
from sim.env.observations import Preset, preset_of
from sim.extras import require_installed
from sim.interface import Needs, Observation

Policy = Callable[[Any], np.ndarray]
"""A batch of observations, as the vector environment returns them, to actions `[B, 2]`."""


class PolicyPlanner:
    """Drives as the policy does in the environment that it was trained in.

    `policy` is shown what an environment with that `observation` shows, and its actions mean what they
    mean there (`sim.env.actions`). A planner for the command line is a class that says which policy:

        class MyPolicy(PolicyPlanner):
            def __init__(self):
                super().__init__(sb3_policy(Path("ppo.zip")), "vector")
    """

    def __init__(self, policy: Policy, observation: str | Preset = "vector") -> None:
        self._policy, self._preset = policy, preset_of(observation)

    @property
    def needs(self) -> Needs:
        """What the preset of its observation needs."""
        return self._preset.needs

    def plan(self, observation: Observation) -> Controls:
        """Pedals and wheel for the next step."""
        seen = self._preset.encode(observation)
        batch = (
            seen.cpu().numpy()
            if isinstance(seen, Tensor)
            else {name: value.cpu().numpy() for name, value in seen.items()}
        )
        ego = observation.ego
        action = torch.as_tensor(np.asarray(self._policy(batch), dtype=np.float32))
        return controls(action.to(ego.speed_mps.device), ego, observation.dt_s)


def sb3_policy(path: Path, algorithm: str = "PPO") -> Policy:
    """The deterministic policy of a model that Stable-Baselines3 saved."""
    require_installed("a policy of Stable-Baselines3", "stable_baselines3")
    import stable_baselines3

    model = getattr(stable_baselines3, algorithm).load(path, device="cpu")
    return lambda batch: model.predict(batch, deterministic=True)[0]
