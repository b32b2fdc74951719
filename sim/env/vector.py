"""`DriveVectorEnv`: B worlds in one batch as a `gymnasium.vector.VectorEnv`."""

from typing import Any

import numpy as np
import torch
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from sim.env.episodes import Episodes, info_of
from sim.env.settings import make_settings
from sim.errors import InputError


class DriveVectorEnv(VectorEnv):
    """`num_envs` of `DriveEnv`, stepped together.

    World k of `reset(seed=s)` plays what `DriveEnv` plays after `reset(seed=s + k)`.
    Autoreset mode NEXT_STEP: after an episode has ended, the next `step` ignores that world's action,
    begins its next scenario and returns its first observation with reward 0; the observation
    returned at the end is the last of the episode. `reset(options={"reset_mask": [B] bool})` begins
    new episodes in some worlds only.
    """

    metadata = {  # noqa: RUF012 (gymnasium's)
        "render_modes": ["rgb_array"],
        "render_fps": 10,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(self, num_envs: int = 1, render_mode: str | None = None, **settings: Any) -> None:
        """`settings`: the fields of `sim.env.settings.Settings`."""
        self.num_envs, self.render_mode = num_envs, render_mode
        self._episodes = Episodes(
            num_envs, make_settings(settings), draws=render_mode == "rgb_array"
        )
        self.single_observation_space = self._episodes.observation_space
        self.single_action_space = self._episodes.actions.space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._draws = [np_random()[0] for _ in range(num_envs)]
        self._ended = np.zeros(num_envs, dtype=bool)

    @torch.no_grad()
    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode in every world, or in those of `options["reset_mask"]`."""
        if options is not None and not isinstance(options, dict):
            raise InputError(f"options: expected a dict, got {type(options).__name__}")
        options = dict(options or {})
        begun = self._mask(options.pop("reset_mask", None))
        if not isinstance(seed, (int, list, tuple, type(None))):
            raise InputError(f"seed: expected a number or a list of them, got {seed!r}")
        seeds = [seed + k for k in range(self.num_envs)] if isinstance(seed, int) else seed
        if seeds is not None:
            if len(seeds) != self.num_envs:
                raise InputError(f"seed: {len(seeds)} seeds for {self.num_envs} environments")
            for k in np.flatnonzero(begun):
                if seeds[k] is not None:
                    self._draws[k], _ = np_random(seeds[k])
        info = self._begin(begun, options)
        return self._episodes.observe(), info

    @torch.no_grad()
    def step(
        self, actions: np.ndarray
    ) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Drive every world for `dt_s` seconds, or start its next episode; an action each."""
        begun = self._ended
        outcome = self._episodes.step(actions)
        driven = ~begun
        info: dict[str, Any] = {}
        for name, value in info_of(outcome).items():
            info[name], info[f"_{name}"] = np.where(driven, value, np.zeros_like(value)), driven
        for name, value in outcome.scores.items():  # of the episodes that end here
            figures = np.where(driven, value.cpu().numpy(), np.nan)
            info[name], info[f"_{name}"] = figures, ~np.isnan(figures)
        reward = np.where(driven, outcome.reward.cpu().numpy().astype(np.float64), 0.0)
        terminated = outcome.terminated.cpu().numpy() & driven
        truncated = outcome.truncated.cpu().numpy() & driven
        if begun.any():
            info |= self._begin(begun, {})
        self._ended = terminated | truncated
        return self._episodes.observe(), reward, terminated, truncated, info

    def render(self) -> tuple[np.ndarray, ...] | None:
        """An RGB picture `[H, W, 3]` of each world."""
        return tuple(self._episodes.pictures()) if self.render_mode == "rgb_array" else None

    def _begin(self, begun: np.ndarray, options: dict[str, Any]) -> dict[str, Any]:
        """Draw a scenario for each world where `begun` `[B]` is True, start it, and return `info`."""
        fit = self._episodes.choose(options)
        places = np.flatnonzero(begun)
        numbers = np.array([self._draws[k].choice(fit) for k in places], dtype=np.int64)
        self._episodes.reset(places, numbers)
        self._ended = self._ended & ~begun
        names = np.full(self.num_envs, None, dtype=object)
        names[places] = [self._episodes.scenario_ids[k] for k in numbers]
        return {"scenario": names, "_scenario": begun.copy()}

    def _mask(self, mask: np.ndarray | None) -> np.ndarray:
        if mask is None:
            return np.ones(self.num_envs, dtype=bool)
        if (
            not isinstance(mask, np.ndarray)
            or mask.shape != (self.num_envs,)
            or mask.dtype != np.bool_
        ):
            raise InputError(f"options['reset_mask'] must be bool [{self.num_envs}]")
        return mask
