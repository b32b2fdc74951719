"""examples/ppo_single_file.py: its equations by hand, and a training that ends in a planner."""

import sys
from pathlib import Path

import pytest
import torch

from drive.networks.weights import load_network
from drive.planning import PLANNERS, make_planner
from eval.rollout import rollout
from sim.env.single import DriveEnv
from sim.env.vector import DriveVectorEnv
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

FILE = Path(__file__).parents[2] / "examples" / "ppo_single_file.py"
example = sys.modules[PLANNERS.load(f"{FILE}:PpoPlanner").__module__]


def _collected(action: torch.Tensor, reward: torch.Tensor, **given: torch.Tensor):
    none = torch.zeros_like(reward, dtype=torch.bool)
    seen = torch.zeros(len(reward) + 1, reward.shape[1], 1)
    told = {"terminated": none, "done": none, "driven": ~none} | given
    log_prob = torch.full_like(reward, 0.5).log()
    return example.Collected(seen, action, log_prob, reward, **told, episodes={})


def test_advantages_by_hand() -> None:
    """Three worlds: one terminates in its second step, one is truncated there, one goes on."""
    reward = torch.tensor((1.0, 2.0, 0.0)).unsqueeze(1).expand(3, 3)
    value = torch.tensor((1.0, 2.0, 4.0, 10.0)).unsqueeze(1).expand(4, 3)
    at_second = torch.tensor(((0, 0, 0), (1, 1, 0), (0, 0, 0)), dtype=torch.bool)
    first_alone = torch.tensor((True, False, False))
    got = _collected(reward, reward, done=at_second, terminated=at_second & first_alone)
    gain = example.advantages(example.Args(gamma=0.5, gae_lambda=0.5), got, value)
    # Surprises: 1 + 2/2 - 1 = 1; then 2 - 2 = 0 where nothing follows, else 2 + 4/2 - 2 = 2;
    # then 0 + 10/2 - 4 = 1. Each counts a quarter as much a step earlier, but not past an end.
    assert gain[:, 0].tolist() == [1.0, 0.0, 1.0]
    assert gain[:, 1].tolist() == [1.0 + 0.25 * 2.0, 2.0, 1.0]
    assert gain[:, 2].tolist() == [1.0 + 0.25 * (2.0 + 0.25 * 1.0), 2.0 + 0.25 * 1.0, 1.0]


def test_features_are_standardized_by_all_that_was_seen() -> None:
    known = example.Standardized(1)  # begins as one row of mean 0 and mean square 1
    known.see(torch.tensor(((2.0,),)))
    known.see(torch.tensor(((4.0,),)))
    # Mean (0 + 2 + 4) / 3 = 2; mean square (1 + 4 + 16) / 3 = 7, so the variance is 7 - 4 = 3.
    assert known.mean.item() == pytest.approx(2.0) and known.variance.item() == pytest.approx(3.0)
    assert known(torch.tensor((5.0, 90.0))).tolist() == pytest.approx([3.0**0.5, 5.0], abs=1e-4)


def test_what_pays_becomes_likelier_and_steps_that_began_an_episode_do_not_count() -> None:
    torch.manual_seed(0)
    args = example.Args(gamma=0.0, learning_rate=0.01, entropy=0.0)
    agent = example.Agent(example.AgentConfig(1, 2, 8, "discrete"))
    action = torch.arange(64).reshape(2, 32) % 2
    paid = torch.where(action == 1, 1.0, -1.0)
    driven = torch.tensor((True, False)).unsqueeze(1).expand(2, 32)
    reward = torch.where(driven, paid, -100.0 * paid)
    optimizer = torch.optim.Adam(agent.parameters(), lr=args.learning_rate)
    example.update(args, agent, optimizer, _collected(action, reward, driven=driven))
    likely = agent.distribution(torch.zeros(1, 1)).probs[0, 1].item()
    assert likely > 0.51


@pytest.mark.parametrize("actions", ["discrete", "continuous"])
def test_what_was_trained_drives(
    actions: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planner drives by the weights that the training left, as the environment does by them."""
    scenario = make_scenario([straight(-30, 0, 150, 0)], [Car(0, 0, 0, 0, 8.0)], duration_s=1.0)
    world = {"scenarios": [scenario], "actions": actions, "traffic": "log", "score": None}
    monkeypatch.setattr(example, "make_envs", lambda args: DriveVectorEnv(args.worlds, **world))
    args = example.Args(
        out=tmp_path, actions=actions, worlds=2, steps=16, steps_per_update=8, width=8
    )
    example.train(args)
    assert list(tmp_path.glob("events.out.tfevents.*"))
    driven = rollout(
        Simulator.from_scenarios([scenario], "log"), make_planner(f"{FILE}:PpoPlanner@{tmp_path}")
    )
    agent, card = load_network(example.Agent, str(tmp_path))
    assert card.training["actions"] == actions
    env = DriveEnv(**world)
    seen, _ = env.reset()
    for instant in range(1, 8):
        with torch.no_grad():
            action = agent.distribution(torch.from_numpy(seen)).mode.numpy()
        seen, *_ = env.step(action)
        assert torch.allclose(env._episodes.state.pose[0], driven.pose[0, instant], atol=1e-5)
