"""`DriveEnv`: one world as a `gymnasium.Env`."""

from typing import Any

import gymnasium
import numpy as np
import torch

from sim.env.episodes import Episodes, info_of
from sim.env.presets import row_of
from sim.env.settings import make_settings


class DriveEnv(gymnasium.Env):
    """Drive the ego of one world by pedals and wheel (`sim.env.actions`).

    `reset(seed=)`: the same seed and the same settings draw the same episodes, to the bit. Without a
    seed the draw goes on. `options`: `{"family": name}` or `{"scenario": id}`.
    An episode terminates at a collision, off the road (`terminate_offroad`) and at the end of the
    route; it is truncated where the recording ends. `info` holds the terms of the reward, and at the
    end of an episode nuPlan's score and its parts.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 (gymnasium's)

    def __init__(self, render_mode: str | None = None, **settings: Any) -> None:
        """`settings`: the fields of `sim.env.settings.Settings`."""
        self.render_mode = render_mode
        self._episodes = Episodes(1, make_settings(settings), draws=render_mode == "rgb_array")
        self.observation_space = self._episodes.observation_space
        self.action_space = self._episodes.actions.space

    @torch.no_grad()
    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; `info["scenario"]` is its scenario's id."""
        super().reset(seed=seed)
        number = self.np_random.choice(self._episodes.choose(options))
        self._episodes.reset(np.zeros(1, dtype=np.int64), np.array([number]))
        return self._observation(), {"scenario": self._episodes.scenario_ids[number]}

    @torch.no_grad()
    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Drive for `dt_s` seconds."""
        outcome = self._episodes.step([action])
        info = {name: value[0].item() for name, value in info_of(outcome).items()}
        info |= {name: float(value[0]) for name, value in outcome.scores.items()}
        terminated, truncated = bool(outcome.terminated[0]), bool(outcome.truncated[0])
        return self._observation(), float(outcome.reward[0]), terminated, truncated, info

    def render(self) -> np.ndarray | None:
        """An RGB picture `[H, W, 3]`, the ego pointing up."""
        return self._episodes.pictures()[0] if self.render_mode == "rgb_array" else None

    def _observation(self) -> Any:
        return row_of(self._episodes.observe(), 0)
