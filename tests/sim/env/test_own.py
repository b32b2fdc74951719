"""Observations, rewards and wrappers of a user's own: what they give, and what is wrong with them."""

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.wrappers import RecordEpisodeStatistics, RescaleAction, TransformReward
from gymnasium.wrappers import vector as of_vectors

import sim.env
from sim.env.presets import Preset
from sim.env.reward import RewardWeights, reward_of
from sim.errors import InputError
from sim.interface import Needs
from sim.scenario import EGO
from tests.toy import Car, make_scenario, straight

gymnasium.register_envs(sim.env)
NAME = "bevdrive/Drive-v0"
COAST = np.zeros(2, dtype=np.float32)


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """A free road, 8 m/s, and nobody who scores."""
    scenario = make_scenario([straight(-30, 0, 150, 0)], [Car(0, 0, 0, 0, 8.0)], duration_s=1.5)
    return {"scenarios": [scenario], "score": None}


def _speed_and_place(seen) -> torch.Tensor:
    return torch.stack((seen.ego.speed_mps, seen.route.ego_s_m), dim=-1)


class _Edge:
    """By name, and of the map."""

    needs = Needs(map=True)

    def __call__(self, seen) -> dict[str, torch.Tensor]:
        left = torch.tensor(((0.0, 1.0),)).expand(len(seen.step), 1, 2)
        return {"edge": seen.map.offroad_distance_m(left)}


def test_an_observation_and_a_reward_of_ones_own(settings: dict[str, Any]) -> None:
    def reward(events, world, before, after):
        return {"speed": after.speed_mps[:, EGO], "crash": -5.0 * events.collided}

    env = gymnasium.make(NAME, observation=_speed_and_place, reward=reward, **settings)
    first, _ = env.reset()
    assert env.observation_space == gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    assert first.shape == (2,) and first[0] == pytest.approx(8.0)
    _, value, _, _, info = env.step(COAST)
    assert value == pytest.approx(info["reward_speed"] + info["reward_crash"])
    assert info["reward_speed"] == pytest.approx(8.0)


def test_an_object_says_what_it_needs(settings: dict[str, Any]) -> None:
    envs = gymnasium.make_vec(NAME, num_envs=2, observation=_Edge(), **settings)
    seen, _ = envs.reset()
    assert envs.single_observation_space["edge"].shape == (1,)
    # A metre to the left of the middle of a lane 3.5 m wide.
    assert seen["edge"].ravel().tolist() == pytest.approx([-0.75, -0.75], abs=0.02)


def test_weights_by_name(settings: dict[str, Any]) -> None:
    assert reward_of({"progress": 2.0}) == RewardWeights(progress=2.0)
    env = gymnasium.make(NAME, reward={"progress": 2.0}, **settings)
    env.reset()
    assert env.step(COAST)[1] == pytest.approx(2.0 * 0.8, abs=1e-3)  # 0.8 m


@pytest.mark.parametrize(
    ("reward", "reason"),
    [
        ({"progres": 1.0}, "reward: unknown 'progres'; did you mean progress"),
        ({"collision": "hard"}, "reward: collision: expected a number, got 'hard'"),
        ({"collision": float("nan")}, "reward: collision: expected a number, got nan"),
        ({"collision": True}, "reward: collision: expected a number, got True"),
        (3.0, "reward: expected weights by name, or a function, got 3.0"),
        (RewardWeights, "reward: expected weights by name, or a function, got <class"),
    ],
)
def test_rewards_that_are_none(reward: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        reward_of(reward)


@pytest.mark.parametrize(
    ("reward", "reason"),
    [
        ({"progres": 1.0}, "reward: unknown 'progres'; did you mean progress"),
        (lambda *_: 1.0, "reward: expected terms by name, got 1.0"),
        (lambda *_: {}, "reward: expected terms by name, got {}"),
        (lambda *_: {"speed": 1.0}, r"reward: 'speed': expected a tensor \[1\], got float"),
        (lambda *_: {"x": torch.zeros(1, 2)}, r"'x': expected a tensor \[1\], got one of .*\[1, 2\]"),
    ],
)  # fmt: skip
def test_rewards_that_are_tried_at_once(settings: dict[str, Any], reward: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        gymnasium.make(NAME, reward=reward, **settings)


@pytest.mark.parametrize(
    ("observation", "reason"),
    [
        (Preset, "observation: expected vector, raster, lidar, a Preset or a function, got <class"),
        (lambda seen: 1.0, r"observation: expected tensors \[1, ...\], got float"),
        (lambda seen: seen.ego.size_m[0, :0], r"observation: expected tensors \[1, ...\], got \[0\]"),
        (lambda seen: seen.step.unsqueeze(1), "it has to be float32, not int64"),
        (
            Preset(gymnasium.spaces.Box(0, 5, (2,)), _speed_and_place, Needs()),  # 8 m/s
            r"observation: values, shapes \(\[2\]\) or types lie outside its space Box",
        ),
    ],
)  # fmt: skip
def test_observations_that_are_none(
    settings: dict[str, Any], observation: Any, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        gymnasium.make(NAME, observation=observation, **settings)


def _doubled(env):
    return TransformReward(env, lambda reward: 2.0 * reward)


def test_wrappers_of_one_and_of_many(settings: dict[str, Any]) -> None:
    """The reward of 0.8 m is doubled, and the sum of an episode of 15 steps told at its end."""
    inner_first = (_doubled, RecordEpisodeStatistics)
    env = gymnasium.make(NAME, wrappers=inner_first, **settings)
    env.reset()
    for _ in range(15):
        _, reward, _, ended, info = env.step(COAST)
    assert reward == pytest.approx(0.16, abs=1e-3)
    assert ended and info["episode"]["r"] == pytest.approx(15 * 0.16, abs=0.01)
    envs = gymnasium.make_vec(
        NAME, num_envs=2, vector_wrappers=(of_vectors.RecordEpisodeStatistics,), **settings
    )
    envs.reset()
    for _ in range(15):
        _, _, _, ended, info = envs.step(np.tile(COAST, (2, 1)))
    assert ended.all() and info["episode"]["r"] == pytest.approx([1.2, 1.2], abs=0.01)
    several = gymnasium.make_vec(
        NAME, num_envs=2, vectorization_mode="sync", wrappers=(_doubled,), **settings
    )
    several.reset()
    assert several.step(np.tile(COAST, (2, 1)))[1] == pytest.approx([0.16, 0.16], abs=1e-3)


@pytest.mark.parametrize(
    ("wrappers", "reason"),
    [
        ({"vector_wrappers": (RescaleAction,)}, "vector_wrappers: RescaleAction makes no gymnasium"),
        ({"vector_wrappers": (lambda env: None,)}, "vector_wrappers: <lambda> makes no gymnasium"),
    ],
)  # fmt: skip
def test_wrappers_that_are_none(settings: dict[str, Any], wrappers: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        gymnasium.make_vec(NAME, num_envs=1, **wrappers, **settings)
