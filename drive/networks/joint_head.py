"""`JointHead`: from tokens to F futures of a whole scene, each with a score."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drive.features.vectors import VectorScene
from drive.networks.reaction import Reaction
from drive.networks.relative import Block
from drive.networks.vector_encoder import SceneTokens
from sim.geometry import se2

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
    up to each instant. If it is given what the ego will do, what that changes is added (`Reaction`).
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
        self.blocks = nn.ModuleList(Block(width, heads, pair_width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.think = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU())
        self.velocity = nn.Linear(2 * width, 2 * points)
        self.logit = nn.Linear(width, 1)
        self.reaction = Reaction(width, points, heads, pair_width)
        nn.init.normal_(self.velocity.weight, std=0.01)  # it begins at constant velocity

    def forward(
        self,
        tokens: SceneTokens,
        scene: VectorScene,
        ego_future: Float[Tensor, "b t 3"] | None = None,
        ego_known: Float[Tensor, " b"] | None = None,
    ) -> JointFutures:
        """`ego_future` is in the scene's frame; `ego_known`: 1 where it may be looked at, else 0."""
        if ego_future is not None:
            return self.given_each(tokens, scene, ego_future.unsqueeze(1), ego_known)
        _, change, logit = self._without_plan(tokens)
        return around_constant_velocity(change, logit, scene, self.dt_s)

    def given_each(
        self,
        tokens: SceneTokens,
        scene: VectorScene,
        plan: Float[Tensor, "b p t 3"],
        known: Float[Tensor, " b"] | None = None,
    ) -> JointFutures:
        """F futures if the ego does the first of P plans, then F if it does the second, ...

        `known`: 1 where the plans may be looked at, else 0.
        """
        x, change, logit = self._without_plan(tokens)
        place_m = around_constant_velocity(change, logit, scene, self.dt_s).position_m.detach()
        more, more_logit = self.reaction(x, place_m, tokens, scene, plan)
        if known is not None:
            known = known[:, None, None, None]
            more, more_logit = more * known[..., None, None], more_logit * known
        change, logit = change.unsqueeze(1) + more, logit.unsqueeze(1) + more_logit
        return around_constant_velocity(change.flatten(1, 2), logit.flatten(1, 2), scene, self.dt_s)

    def _without_plan(self, tokens: SceneTokens) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens of agents in each future, what changes their velocities, and scores."""
        x = tokens.agent.unsqueeze(1) + self.future[:, None]
        for block in self.blocks:
            x = block(x, tokens.line, tokens.pairs)
        normed = self.norm(x)
        change = self.velocity(self.think(normed)).unflatten(-1, (self.points, 2))
        return x, change, self.logit(normed).squeeze(-1)
