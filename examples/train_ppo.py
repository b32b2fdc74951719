"""Train a driver with Stable-Baselines3's PPO, and compare its episodes before and after.

pip install -c constraints.txt -e '.[rl]'
python examples/train_ppo.py --steps 20000 --out runs/sb3.zip
bevdrive simulate --families straight,curve --planner examples/train_ppo.py:Sb3Planner@runs/sb3.zip,idm
"""

import argparse
import time
from pathlib import Path

import gymnasium
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecMonitor

import sim.env
from drive.planning.policy import PolicyPlanner, sb3_policy
from sim.env.sb3 import Sb3DriveEnv

gymnasium.register_envs(sim.env)


class Sb3Planner(PolicyPlanner):
    """What was trained, as a planner."""

    def __init__(self, weights: str = "runs/sb3.zip") -> None:
        super().__init__(sb3_policy(Path(weights)))


def make(split: str, num_envs: int) -> VecMonitor:
    """32 generated scenarios of that split."""
    world = {"families": ("straight", "curve"), "count": 32, "split": split}
    return VecMonitor(Sb3DriveEnv(gymnasium.make_vec("bevdrive/Drive-v0", num_envs, **world)))


def main(steps: int, num_envs: int, seed: int, out: Path) -> None:
    """Learn on the split `train`, evaluate 64 episodes on `val`, save."""
    envs, held_out = make("train", num_envs), make("val", num_envs)
    less_noise = {"log_std_init": -1.0}
    model = PPO(
        "MlpPolicy", envs, n_steps=64, batch_size=512, seed=seed, policy_kwargs=less_noise,
        device="cpu", verbose=1,
    )  # fmt: skip
    for learn in (0, steps):
        began = time.perf_counter()
        model.learn(learn)
        held_out.seed(seed)
        mean, spread = evaluate_policy(model, held_out, n_eval_episodes=64)
        seconds = time.perf_counter() - began
        print(f"{learn} steps: mean reward {mean:.2f} (spread {spread:.2f}), {seconds:.0f} s")
    model.save(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--num-envs", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/sb3.zip"))
    main(**vars(parser.parse_args()))
