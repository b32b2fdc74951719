"""`Reaction`: what in everybody's futures becomes different because of what the ego will do."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drive.features.vectors import VectorScene
from drive.networks.relative import POSE_FEATURES, Block, mlp, pose_features
from drive.networks.vector_encoder import SceneTokens
from sim.geometry import se2
from sim.scenario import EGO


class Reaction(nn.Module):
    """Each agent is shown the ego's plan as seen from where it would itself be at each instant, in each of
    its futures foretold without the plan; then agents look at one another, so that who follows somebody that
    makes way for the ego is told of it too. Untrained, it changes nothing.
    """

    def __init__(self, width: int, points: int, heads: int, pair_width: int) -> None:
        super().__init__()
        self.see = mlp(POSE_FEATURES * points + 1, 2 * width, width)
        self.block = Block(width, heads, pair_width)
        self.norm = nn.LayerNorm(width)
        self.think = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU())
        self.velocity = nn.Linear(2 * width, 2 * points)
        self.logit = nn.Linear(width, 1)
        for layer in (self.velocity, self.logit):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self,
        x: Float[Tensor, "b f n d"],
        position_m: Float[Tensor, "b f n t 2"],
        tokens: SceneTokens,
        scene: VectorScene,
        plan: Float[Tensor, "b p t 3"],
    ) -> tuple[Float[Tensor, "b p f n t 2"], Float[Tensor, "b p f n"]]:
        """What each of P plans adds to mean velocities, over 10 m/s, and to scores.

        `position_m`: foretold without a plan, in each agent's frame; `plan`: in the scene's.
        """
        told = x.unsqueeze(1) + self.see(_seen_plan(scene, position_m, plan))
        shape = told.shape[1:3]
        told = self.block(told.flatten(1, 2), tokens.line, tokens.pairs)
        told = self.norm(told).unflatten(1, shape)
        change = self.velocity(self.think(told)).unflatten(-1, (-1, 2))
        return change, self.logit(told).squeeze(-1)


def _seen_plan(
    scene: VectorScene, position_m: Float[Tensor, "b f n t 2"], plan: Float[Tensor, "b p t 3"]
) -> Float[Tensor, "b p f n k"]:
    """The plan from where each agent would be then, headed as it is now; and who is the ego."""
    headed = torch.cat((position_m, torch.zeros_like(position_m[..., :1])), dim=-1)
    then = se2.compose(scene.agent_pose[:, None, :, None], headed)
    relative = se2.compose(se2.inverse(then).unsqueeze(1), plan[:, :, None, None])
    seen = pose_features(relative).flatten(-2)
    is_ego = torch.zeros_like(seen[..., :1])
    is_ego[:, :, :, EGO] = 1.0
    return torch.cat((seen, is_ego), dim=-1)
