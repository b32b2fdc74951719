"""`DriveVectorEnv` as a vector environment of Stable-Baselines3.

In that library the step that ends an episode also starts the next one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from stable_baselines3.common.vec_env import VecEnv

from sim.env.presets import row_of


class Sb3DriveEnv(VecEnv):
    """The worlds of `envs`, all stepped together.

    `info["terminal_observation"]` is the last observation of an episode that has ended.
    """

    def __init__(self, envs: VectorEnv) -> None:
        """`envs`: a `DriveVectorEnv`, as `gymnasium.make_vec` gives it."""
        self.envs: Any = envs  # Any: unlike others it takes one seed per world
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> Any:
        """Begin an episode in every world, with the seeds of the last call of `seed`."""
        observation, _ = self.envs.reset(seed=self._seeds)
        self._reset_seeds()
        return observation

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """One step; where an episode ends, the observation is the first of the next."""
        observation, reward, terminated, truncated, info = self.envs.step(self._actions)
        done = terminated | truncated
        named = {name: value for name, value in info.items() if not name.startswith("_")}
        infos: list[dict[str, Any]] = [
            {name: value[k] for name, value in named.items()} for k in range(self.num_envs)
        ]
        if done.any():
            for k in np.flatnonzero(done):
                infos[k]["terminal_observation"] = row_of(observation, int(k))
                infos[k]["TimeLimit.truncated"] = bool(truncated[k])
            observation, _ = self.envs.reset(options={"reset_mask": done})
        return observation, reward.astype(np.float32), done, infos

    def close(self) -> None:
        self.envs.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The attribute of the whole batch, once for each world asked for."""
        return [getattr(self.envs, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        setattr(self.envs, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list:
        """There are no single environments whose methods could be called."""
        raise NotImplementedError(
            f"{method_name}: the worlds of a batch have no methods of their own"
        )

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[np.ndarray | None]:
        return self.envs.render() or [None] * self.num_envs
