"""PPO in one file, after CleanRL's, and the policy that it trains as a planner.

    python examples/ppo_single_file.py --out runs/ppo
    tensorboard --logdir runs
    bevdrive simulate --families straight,curve --count 32 \
        --planner examples/ppo_single_file.py:PpoPlanner@runs/ppo,idm,constant_velocity

PPO: Schulman et al. 2017 (arXiv 1707.06347); advantages: GAE, Schulman et al. 2016 (1506.02438).
Shapes: t steps, n worlds, f features.
"""

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from gymnasium.spaces import flatdim
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, Normal

from drive.networks.weights import FILE, TaskNetwork, WeightsCard, load_network, save_weights
from drive.planning.policy import PolicyPlanner
from sim.env.vector import DriveVectorEnv


@dataclass
class Args:
    """What is trained, on what, and how long."""

    out: Path = Path("runs/ppo")
    """folder of the weights and of TensorBoard's events"""
    actions: str = "continuous"
    """continuous or discrete"""
    families: tuple[str, ...] = ("straight", "curve")
    traffic: str = "idm"
    """log costs half as much: the others repeat what is recorded, whatever the ego does"""
    scenarios: int = 32
    """how many are prepared to draw episodes from; half a second and 20 MB each"""
    seed: int = 0
    worlds: int = 256
    """how many are stepped together"""
    steps: int = 600_000
    """of all worlds together, a tenth of a second each"""
    steps_per_update: int = 16
    """of each world"""
    learning_rate: float = 1e-3
    """at the beginning; falls to 0"""
    gamma: float = 0.98
    gae_lambda: float = 0.95
    epochs: int = 6
    minibatch: int = 1024
    clip: float = 0.2
    entropy: float = 0.0
    value_weight: float = 0.5
    max_grad_norm: float = 0.5
    width: int = 128
    reward: dict[str, float] = field(default_factory=lambda: {"speeding": -0.5})
    """weights other than those of sim.env.reward.RewardWeights: --reward speeding -0.5 collision -20"""


@dataclass(frozen=True)
class AgentConfig:
    """Sizes, and what it is asked: all that `Agent` is made from."""

    features: int
    outputs: int
    width: int
    actions: str


def _mlp(features: int, width: int, outputs: int, last_gain: float) -> nn.Sequential:
    sizes, gains = (features, width, width, outputs), (2**0.5, 2**0.5, last_gain)
    layers: list[nn.Module] = []
    for before, after, gain in zip(sizes, sizes[1:], gains, strict=False):
        linear = nn.Linear(before, after)
        nn.init.orthogonal_(linear.weight, gain)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


class Standardized(nn.Module):
    """Features less their mean, over their deviation, of all that was seen so far."""

    count: Tensor
    mean: Tensor
    variance: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.tensor(1.0))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("variance", torch.ones(features))

    def see(self, seen: Tensor) -> None:
        """Add rows `[k, f]` (Chan et al. 1979)."""
        share = len(seen) / (self.count + len(seen))
        apart = seen.mean(0) - self.mean
        spread = seen.var(0, unbiased=False) - self.variance
        self.variance += share * (spread + (1.0 - share) * apart**2)
        self.mean += share * apart
        self.count += len(seen)

    def forward(self, seen: Tensor) -> Tensor:
        """Clipped at 5, because some features hardly ever vary."""
        return ((seen - self.mean) / (self.variance + 1e-6).sqrt()).clamp(-5.0, 5.0)


class Agent(TaskNetwork):
    """A policy and a value, a small network each, of standardized features."""

    task, version, config_class = "ppo", 1, AgentConfig

    def __init__(self, config: AgentConfig) -> None:
        super().__init__()
        self.config = config
        self.standardized = Standardized(config.features)
        self.policy = _mlp(config.features, config.width, config.outputs, 0.01)
        self.value = _mlp(config.features, config.width, 1, 1.0)
        self.log_std = nn.Parameter(torch.full((config.outputs,), -1.0))  # continuous actions only

    def distribution(self, seen: Tensor) -> Distribution:
        """Of the action of each row of `[..., f]`."""
        told = self.policy(self.standardized(seen))
        if self.config.actions == "discrete":
            return Categorical(logits=told)
        return Independent(Normal(told, self.log_std.exp()), 1)

    def worth(self, seen: Tensor) -> Tensor:
        """What is expected to be gained from each row of `[..., f]` on."""
        return self.value(self.standardized(seen)).squeeze(-1)


class PpoPlanner(PolicyPlanner):
    """The most probable action of what was trained; `PpoPlanner@FOLDER` says where that lies."""

    def __init__(self, weights: str = "runs/ppo") -> None:
        agent, _ = load_network(Agent, weights)

        @torch.no_grad()
        def policy(seen: np.ndarray) -> np.ndarray:
            return agent.distribution(torch.from_numpy(seen)).mode.numpy()

        super().__init__(policy, "vector", agent.config.actions)


@dataclass
class Collected:
    """What was seen, done and got in `steps_per_update` steps of all worlds."""

    seen: Tensor  # [t + 1, n, f]: the last is what was seen afterwards
    action: Tensor  # [t, n] or [t, n, a]
    log_prob: Tensor  # [t, n]
    reward: Tensor  # [t, n]
    terminated: Tensor  # [t, n]
    done: Tensor  # [t, n]: terminated or truncated
    driven: Tensor  # [t, n]: not a step that only began the next episode
    episodes: dict[
        str, list[float]
    ]  # of those that ended: return, whether by a collision, off road


class Collector:
    """Steps the worlds by a policy, and remembers where they are."""

    def __init__(self, envs: DriveVectorEnv, seed: int) -> None:
        self.envs = envs
        self.seen = torch.from_numpy(envs.reset(seed=seed)[0])
        self.ended = np.zeros(envs.num_envs, dtype=bool)
        self.gained = np.zeros(envs.num_envs)

    @torch.no_grad()
    def collect(self, agent: Agent, steps: int) -> Collected:
        """The next `steps` of every world."""
        rows: list[tuple[Tensor, ...]] = []
        episodes: dict[str, list[float]] = {"return": [], "collided": [], "offroad": []}
        for _ in range(steps):
            chosen = agent.distribution(self.seen)
            action = chosen.sample()
            seen, reward, terminated, truncated, info = self.envs.step(action.numpy())
            done, driven = terminated | truncated, ~self.ended
            rows.append(
                (self.seen, action, chosen.log_prob(action), *map(torch.from_numpy, (
                    reward.astype(np.float32), terminated, done, driven)))
            )  # fmt: skip
            self.gained += reward
            told = info | {"return": self.gained}
            for name, values in episodes.items():
                values += told[name][done].tolist()
            self.gained[done] = 0.0
            self.seen, self.ended = torch.from_numpy(seen), done
        seen, *rest = (torch.stack(column) for column in zip(*rows, strict=True))
        return Collected(torch.cat((seen, self.seen.unsqueeze(0))), *rest, episodes=episodes)


def advantages(args: Args, got: Collected, value: Tensor) -> Tensor:
    """GAE `[t, n]`; `value [t + 1, n]`. The environment shows the last observation of an episode before
    it begins the next, so a truncated one goes on in its value."""
    ahead = torch.zeros_like(value[0])
    result = torch.zeros_like(got.reward)
    for t in reversed(range(len(got.reward))):
        after = args.gamma * value[t + 1] * ~got.terminated[t]
        surprise = got.reward[t] + after - value[t]
        ahead = surprise + args.gamma * args.gae_lambda * ahead * ~got.done[t]
        result[t] = ahead
    return result


def update(args: Args, agent: Agent, optimizer: torch.optim.Optimizer, got: Collected) -> dict:
    """Some epochs of minibatches; the means of what was lost."""
    with torch.no_grad():
        value = agent.worth(got.seen)
    gain = advantages(args, got, value)
    target = gain + value[:-1]
    flat = [x[got.driven] for x in (got.seen[:-1], got.action, got.log_prob, gain, target)]
    told = []
    for _ in range(args.epochs):
        for batch in torch.randperm(len(flat[0])).split(args.minibatch):
            seen, action, log_prob, better, aim = (x[batch] for x in flat)
            chosen = agent.distribution(seen)
            ratio = (chosen.log_prob(action) - log_prob).exp()
            better = (better - better.mean()) / (better.std() + 1e-8)
            clipped = ratio.clamp(1.0 - args.clip, 1.0 + args.clip)
            policy_loss = -torch.minimum(ratio * better, clipped * better).mean()
            value_loss = 0.5 * (agent.worth(seen) - aim).square().mean()
            entropy = chosen.entropy().mean()
            loss = policy_loss + args.value_weight * value_loss - args.entropy * entropy
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), args.max_grad_norm)
            optimizer.step()
            told.append((policy_loss.item(), value_loss.item(), entropy.item()))
    return dict(zip(("loss/policy", "loss/value", "entropy"), np.mean(told, axis=0), strict=True))


def make_envs(args: Args) -> DriveVectorEnv:
    """Worlds of the split `train` that nobody scores."""
    return DriveVectorEnv(
        args.worlds, families=args.families, count=args.scenarios, traffic=args.traffic,
        actions=args.actions, reward=args.reward, score=None,
    )  # fmt: skip


def train(args: Args) -> None:
    """Collect, update, log, save, until `steps` are driven."""
    from torch.utils.tensorboard import SummaryWriter

    torch.manual_seed(args.seed)
    envs = make_envs(args)
    features = flatdim(envs.single_observation_space)
    outputs = flatdim(envs.single_action_space)
    config = AgentConfig(features, outputs, args.width, args.actions)
    agent = Agent(config)
    optimizer = torch.optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5)
    collector, writer = Collector(envs, args.seed), SummaryWriter(args.out)
    rows = args.worlds * args.steps_per_update
    updates = max(args.steps // rows, 1)
    for number in range(updates):
        optimizer.param_groups[0]["lr"] = args.learning_rate * (1.0 - number / updates)
        got = collector.collect(agent, args.steps_per_update)
        figures = update(args, agent, optimizer, got)
        agent.standardized.see(got.seen[:-1].flatten(0, 1))
        figures |= {f"episode/{name}": np.mean(v) for name, v in got.episodes.items() if v}
        steps = (number + 1) * rows
        for name, figure in figures.items():
            writer.add_scalar(name, figure, steps)
        training = {name: str(value) for name, value in asdict(args).items()}
        card = WeightsCard("ppo", Agent.version, asdict(config), training, "", {})
        save_weights(args.out / FILE, agent, card)
        told = ", ".join(f"{name} {figure:.3f}" for name, figure in figures.items())
        print(f"{steps} steps, {time.process_time():.0f} s: {told}", flush=True)
    writer.close()


if __name__ == "__main__":
    import tyro

    train(tyro.cli(Args, description=__doc__))
