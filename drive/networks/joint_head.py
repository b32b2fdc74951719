"""`JointHead`: from tokens to F futures of a whole scene, each with a score."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drive.features.vectors import VectorScene
from drive.networks.relative import POSE_FEATURES, Block, mlp, pose_features
from drive.networks.vector_encoder import SceneTokens
from sim.geometry import se2
from sim.scenario import EGO

_SPEED_MPS = 10.0  # what becomes 1


@dataclass(frozen=True)
class JointFutures:
    """F futures of all agents, every `dt_s`, each agent's in its own frame of now.

    `logit`: how likely each agent finds each of them; the scene's is the mean over its valid agents.
    """

    position_m: Float[Tensor, "b f n t 2"]
    logit: Float[Tensor, "b f n"]
    dt_s: float


def around_constant_velocity(
    change: Float[Tensor, "b f n t 2"],
    logit: Float[Tensor, "b f n"],
    scene: VectorScene,
    dt_s: float,
) -> JointFutures:
    """Futures from what their mean velocity up to each instant differs by from that of now, over 10 m/s."""
    now = se2.rotate(scene.velocity_mps, -scene.agent_pose[..., 2])[:, None, :, None]
    time_s = dt_s * torch.arange(1, change.shape[3] + 1, device=change.device)
    mean = now + _SPEED_MPS * change
    return JointFutures(mean * time_s.to(change.dtype).unsqueeze(-1), logit, dt_s)


class JointHead(nn.Module):
    """Agents of one future look at one another, those of different futures do not.

    A future is what the agent's velocity of now leads to, and what is learned on top: the mean velocity
    up to each instant. `ego_future` is what the ego will do, if that is given: a condition, told to each
    agent as seen from where it would be itself at constant velocity, so that whoever is in its way knows.
    """

    def __init__(
        self,
        width: int,
        futures: int,
        points: int,
        dt_s: float,
        layers: int = 1,
        heads: int = 4,
        pair_width: int = 32,
    ) -> None:
        super().__init__()
        self.points, self.dt_s = points, dt_s
        self.future = nn.Parameter(torch.randn(futures, width))
        self.ego_future = mlp(POSE_FEATURES * points + 1, 2 * width, width)
        self.blocks = nn.ModuleList(Block(width, heads, pair_width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.think = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU())
        self.velocity = nn.Linear(2 * width, 2 * points)
        self.logit = nn.Linear(width, 1)
        nn.init.normal_(self.velocity.weight, std=0.01)  # it begins at constant velocity

    def forward(
        self,
        tokens: SceneTokens,
        scene: VectorScene,
        ego_future: Float[Tensor, "b t 3"] | None = None,
        ego_known: Float[Tensor, " b"] | None = None,
    ) -> JointFutures:
        """`ego_future` is in the scene's frame; `ego_known`: 1 where it may be looked at, else 0."""
        agent = tokens.agent
        if ego_future is not None:
            told = self.ego_future(self._seen_ego(scene, ego_future))
            agent = agent + (told if ego_known is None else told * ego_known[:, None, None])
        x = agent.unsqueeze(1) + self.future[:, None]
        for block in self.blocks:
            x = block(x, tokens.line, tokens.pairs)
        x = self.norm(x)
        change = self.velocity(self.think(x)).unflatten(-1, (self.points, 2))
        return around_constant_velocity(change, self.logit(x).squeeze(-1), scene, self.dt_s)

    def _seen_ego(
        self, scene: VectorScene, future: Float[Tensor, "b t 3"]
    ) -> Float[Tensor, "b n k"]:
        """The ego's future from where each agent would be then at its velocity of now; who is the ego."""
        time_s = self.dt_s * torch.arange(1, self.points + 1, device=future.device)
        step_m = scene.velocity_mps.unsqueeze(2) * time_s.to(future.dtype).unsqueeze(-1)
        then = torch.cat((step_m, torch.zeros_like(step_m[..., :1])), dim=-1)
        then = then + scene.agent_pose.unsqueeze(2)
        seen = pose_features(se2.compose(se2.inverse(then), future.unsqueeze(1)))
        is_ego = torch.zeros_like(seen[:, :, 0, :1])
        is_ego[:, EGO] = 1.0
        return torch.cat((seen.flatten(2), is_ego), dim=-1)
