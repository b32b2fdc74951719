"""The environments: Gymnasium's own checker, seeds, autoreset by hand, single against vector."""

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import sim.env
from sim.env.observations import STATE_FEATURES
from sim.env.presets import PRESETS
from sim.palette import LIGHT
from sim.scenario import Scenario
from sim.scenario_file import save_scenario
from sim.sources.procedural import generate
from tests.toy import Car, make_scenario, straight

gymnasium.register_envs(sim.env)
NAME = "bevdrive/Drive-v0"


@pytest.fixture(scope="module")
def generated() -> list[Scenario]:
    return generate(["curve", "crosswalk"], 2, duration_s=2.0)


def _toys() -> list[Scenario]:
    """`wall`: a car stands 11.6 m ahead; `free`: nobody, and the recording ends after 1.5 s."""
    road = [straight(-30, 0, 150, 0)]
    wall = [Car(0, 0, 0, 0, 8.0), Car(-1, 11.6, 0)]
    return [
        make_scenario(road, wall, scenario_id="wall"),
        make_scenario(road, [Car(0, 0, 0, 0, 8.0)], duration_s=1.5, scenario_id="free"),
    ]


@pytest.mark.parametrize(
    ("observation", "actions"),
    [*((name, "continuous") for name in PRESETS), ("vector", "discrete")],
)
def test_gymnasiums_checker_has_nothing_to_say(observation: str, actions: str) -> None:
    env = gymnasium.make(
        NAME, observation=observation, actions=actions, scenarios=_toys(), render_mode="rgb_array"
    ).unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env)


def _play(env: gymnasium.Env, seed: int, steps: int = 8) -> bytes:
    """The beginnings of two seeded episodes with the same random actions, as bytes."""
    draw = np.random.default_rng(seed)
    parts = []
    for begin in (seed, None):
        observation, info = env.reset(seed=begin)
        parts += [observation.tobytes(), info["scenario"].encode()]
        for _ in range(steps):
            action = draw.uniform(-0.5, 0.5, 2).astype(np.float32)
            observation, reward, terminated, truncated, _ = env.step(action)
            parts += [observation.tobytes(), np.float64(reward).tobytes()]
            if terminated or truncated:
                break
    return b"".join(parts)


def test_the_same_seed_gives_the_same_bytes(generated: list[Scenario]) -> None:
    env = gymnasium.make(NAME, scenarios=generated[1:])
    again = gymnasium.make(NAME, scenarios=generated[1:])
    assert _play(env, 7) == _play(again, 7) == _play(env, 7)
    assert _play(env, 7) != _play(env, 8)


def test_seeds_reach_every_scenario_and_options_choose_one(generated: list[Scenario]) -> None:
    env = gymnasium.make(NAME, scenarios=generated)
    names = {s.scenario_id for s in generated}
    assert {env.reset(seed=k)[1]["scenario"] for k in range(20)} == names
    _, info = env.reset(options={"family": "crosswalk"})
    assert info["scenario"] == generated[1].scenario_id
    _, info = env.reset(options={"scenario": generated[1].scenario_id})
    assert info["scenario"] == generated[1].scenario_id
    with pytest.raises(ValueError, match="no 'alley'; choices: crosswalk, curve"):
        env.reset(options={"family": "alley"})
    with pytest.raises(ValueError, match="not of that family"):
        env.reset(options={"family": "curve", "scenario": generated[1].scenario_id})
    with pytest.raises(ValueError, match="observation: unknown 'radar'"):
        gymnasium.make(NAME, observation="radar")
    with pytest.raises(ValueError, match="speed"):
        gymnasium.make(NAME, speed=3)


def test_an_import_that_is_cheap_and_episodes_of_a_query(tmp_path: Path) -> None:
    """The import registers, and no more. The fields of `SourceQuery` are keywords; texts and lists
    will do for them (not in tests)."""
    for scenario in _toys():
        save_scenario(scenario, tmp_path / f"{scenario.scenario_id}.scenario")
    code = (
        "import sys, sim.env, gymnasium\n"
        f"assert gymnasium.spec({NAME!r}).vector_entry_point\n"
        "assert 'torch' not in sys.modules and 'sim.world' not in sys.modules\n"
        f"env = gymnasium.make('sim.env:{NAME}', source='saved', path={str(tmp_path)!r}, exclude=['wall'])\n"
        "assert {env.reset(seed=k)[1]['scenario'] for k in range(4)} == {'free'}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(ValueError, match="--families: not for --source saved"):
        gymnasium.make(NAME, source="saved", path=tmp_path, families=("curve",))


def test_an_episode_ends_at_a_collision_or_with_the_recording() -> None:
    env = gymnasium.make(NAME, scenarios=_toys())
    env.reset(options={"scenario": "wall"})
    coast, steps = np.zeros(2, np.float32), 0
    terminated = truncated = False
    while not (terminated or truncated):
        _, reward, terminated, truncated, info = env.step(coast)
        steps += 1
    # Front and rear are 2 m from the centres: of 7.6 m of gap at 8 m/s, nine steps leave 0.4 m.
    assert steps == 10
    assert terminated and not truncated and info["collided"] and reward < -9.0
    env.reset(options={"scenario": "free"})
    for step in range(1, 16):
        _, reward, terminated, truncated, info = env.step(coast)
        assert reward == pytest.approx(0.08, abs=1e-4)  # 0.8 m a step
        assert (terminated, truncated) == (False, step == 15)


def test_leaving_the_road_ends_the_episode_where_asked() -> None:
    for ends in (True, False):
        env = gymnasium.make(NAME, scenarios=_toys(), terminate_offroad=ends)
        env.reset(options={"scenario": "free"})
        seen = [env.step(np.array((0.0, 1.0), np.float32)) for _ in range(14)]
        assert sum(step[4]["offroad"] for step in seen) == 1
        assert any(step[2] for step in seen) is ends


def test_autoreset_in_the_next_step() -> None:
    envs = gymnasium.make_vec(
        NAME, num_envs=2, vectorization_mode="vector_entry_point", scenarios=_toys()
    )
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    first, info = envs.reset(options={"scenario": "free"})
    mask = np.array((True, False))
    wall, info = envs.reset(options={"reset_mask": mask, "scenario": "wall"})
    assert info["scenario"].tolist() == ["wall", None] and info["_scenario"].tolist() == [
        True,
        False,
    ]
    assert np.array_equal(wall[1], first[1]) and not np.array_equal(wall[0], first[0])
    coast = np.zeros((2, 2), np.float32)
    for _ in range(9):
        _, _, terminated, truncated, _ = envs.step(coast)
        assert not terminated.any() and not truncated.any()
    last, reward, terminated, truncated, info = envs.step(coast)
    assert terminated.tolist() == [True, False] and not truncated.any()
    assert reward[0] == pytest.approx(-10.0 + 0.08, abs=1e-4) and info["collided"][0]
    assert last[0, 0] * 30 == pytest.approx(8.0, abs=1e-3)
    # The last of the episode, not the first of the next: the car is 11.6 - 8 m ahead.
    assert last[0, STATE_FEATURES] * 60 == pytest.approx(3.6, abs=1e-3)

    def begins(k: int) -> None:
        """One step in which world k begins its next episode and the other drives on."""
        observation, reward, terminated, truncated, info = envs.step(coast)
        assert reward[k] == 0.0 and reward[1 - k] == pytest.approx(0.08, abs=1e-4)
        assert info["_scenario"].tolist() == [k == 0, k == 1]
        assert info["_reward_progress"].tolist() == [k == 1, k == 0]
        assert not terminated.any() and not truncated.any()
        start = wall[0] if info["scenario"][k] == "wall" else first[1]
        assert np.array_equal(observation[k], start)

    begins(0)  # step 11
    for _ in range(3):
        _, _, terminated, truncated, _ = envs.step(coast)
        assert not terminated.any() and not truncated.any()
    _, _, terminated, truncated, _ = envs.step(coast)  # 15: world 1's recording ends
    assert not terminated.any() and truncated.tolist() == [False, True]
    begins(1)


def _plays_alike(steps: int, **settings: Any) -> None:
    """Three worlds of a batch, seeds 11 to 13, do what one world alone does with these seeds."""
    settings |= {"score": None}
    envs = gymnasium.make_vec(NAME, num_envs=3, **settings)
    alone = gymnasium.make(NAME, **settings)
    envs.action_space.seed(0)
    told = [(*envs.reset(seed=11), None)]
    for _ in range(steps):
        action = envs.action_space.sample()
        told.append((*envs.step(action), action))
    restarts = 0
    for k in range(3):
        observation, info = alone.reset(seed=11 + k)
        assert told[0][1]["scenario"][k] == info["scenario"]
        assert np.allclose(told[0][0][k], observation, atol=1e-6)
        begins = False
        for batch, reward, terminated, truncated, infos, action in told[1:]:
            if begins:
                observation, info = alone.reset()
                assert infos["scenario"][k] == info["scenario"] and reward[k] == 0.0
                assert np.allclose(batch[k], observation, atol=1e-5)
                begins, restarts = False, restarts + 1
                continue
            observation, gained, *ended, info = alone.step(action[k])
            assert np.allclose(batch[k], observation, atol=1e-4)
            assert reward[k] == pytest.approx(gained, abs=1e-4)
            assert [terminated[k], truncated[k]] == ended
            assert infos["reward_progress"][k] == pytest.approx(info["reward_progress"], abs=1e-4)
            begins = any(ended)
    assert restarts >= 3


def test_a_vector_of_three_is_three_singles(generated: list[Scenario]) -> None:
    _plays_alike(22, scenarios=generated, actions="continuous")
    _plays_alike(17, scenarios=_toys(), actions="discrete")


def test_pictures_show_the_ego_pointing_up() -> None:
    env = gymnasium.make(NAME, scenarios=_toys(), render_mode="rgb_array")
    env.reset(options={"scenario": "wall"})
    picture = env.render()
    assert isinstance(picture, np.ndarray) and picture.shape == (360, 360, 3)
    ego = np.argwhere((picture == LIGHT.ego).all(-1)).mean(axis=0)
    car = np.argwhere((picture == LIGHT.vehicle).all(-1)).mean(axis=0)
    # 48 m before and 24 m behind the ego at 5 cells a metre; the car stands 58 cells above it.
    assert ego.tolist() == pytest.approx([239.5, 179.5], abs=0.6)
    assert car.tolist() == pytest.approx([181.5, 179.5], abs=0.6)


def test_stable_baselines_trains_and_sees_the_last_observation() -> None:
    pytest.importorskip("stable_baselines3")
    from stable_baselines3 import PPO

    from sim.env.sb3 import Sb3DriveEnv
    from sim.env.vector import DriveVectorEnv

    envs = Sb3DriveEnv(DriveVectorEnv(2, scenarios=_toys()[1:]))
    envs.reset()
    for _ in range(15):
        observation, _, done, infos = envs.step(np.full((2, 2), (0.5, 0.0), np.float32))
    assert done.all() and infos[0]["TimeLimit.truncated"]
    start = envs.reset()
    assert np.array_equal(observation, start)
    # From 8 m/s at 2 m/s2, with a lag of 0.2 s, for 1.5 s: 2 (1.5 - 0.2) faster at the end.
    assert start[0, 0] * 30 == pytest.approx(8.0, abs=1e-3)
    assert infos[0]["terminal_observation"][0] * 30 == pytest.approx(10.6, abs=0.1)
    model = PPO("MlpPolicy", envs, n_steps=16, batch_size=32, n_epochs=1, seed=0, device="cpu")
    assert model.learn(64).num_timesteps == 64


def test_at_the_end_of_an_episode_info_holds_nuplans_parts() -> None:
    # Full speed into the wall: at fault, so the score is 0; before the end nothing is told.
    env = gymnasium.make(NAME, scenarios=_toys())
    env.reset(options={"scenario": "wall"})
    ended = False
    while not ended:
        _, _, terminated, truncated, info = env.step(np.array((1.0, 0.0), dtype=np.float32))
        ended = terminated or truncated
        assert ("nuplan/score" in info) == ended
    assert info["nuplan/no_at_fault_collision"] == 0.0 and info["nuplan/score"] == 0.0
    env.reset(options={"scenario": "free"})
    ended = False
    while not ended:
        _, _, terminated, ended, info = env.step(np.zeros(2, dtype=np.float32))
    assert info["nuplan/no_at_fault_collision"] == 1.0 and info["nuplan/score"] > 0.9


def test_scores_of_worlds_that_end_at_different_times() -> None:
    """Each world of a batch is told what it would be told alone, whenever its neighbours begin."""
    envs = gymnasium.make_vec(NAME, 3, vectorization_mode="vector_entry_point", scenarios=_toys())
    alone = gymnasium.make(NAME, scenarios=_toys())
    _, info = envs.reset(seed=1)
    names, told = list(info["scenario"]), []
    for _ in range(32):
        action = np.tile(np.array((1.0, 0.0), dtype=np.float32), (3, 1))
        _, _, _, _, info = envs.step(action)
        for k in range(3):
            if info.get("_nuplan/score", np.zeros(3, bool))[k]:
                told.append((names[k], float(info["nuplan/score"][k])))
            if "_scenario" in info and info["_scenario"][k]:
                names[k] = info["scenario"][k]
    assert {name for name, _ in told} == {"wall", "free"} and len(told) >= 6
    expected = {}
    for name in ("wall", "free"):
        alone.reset(options={"scenario": name})
        ended = False
        while not ended:
            _, _, a, b, info = alone.step(np.array((1.0, 0.0), dtype=np.float32))
            ended = a or b
        expected[name] = info["nuplan/score"]
    for name, score in told:
        assert score == pytest.approx(expected[name], abs=1e-5)
