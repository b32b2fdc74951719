"""`VectorEncoder`: a scene of agents, lanes, lights and route as tokens that know of one another."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drive.features.vectors import KINDS, LINE_KINDS, VectorScene
from drive.networks.relative import (
    POSE_FEATURES,
    Block,
    Pairs,
    line_headings,
    mlp,
    nearest_lines,
    pose_features,
)
from sim.geometry import se2
from sim.scenario import LightState

_SPEED_MPS, _SIZE_M, _LINE_M = 10.0, 5.0, 20.0  # what becomes 1
_MOTION = POSE_FEATURES + 4  # of an instant: pose, velocity, whether it is valid, how long ago


@dataclass(frozen=True)
class SceneTokens:
    """A token an agent and a line, and where they are to one another."""

    agent: Float[Tensor, "b n d"]
    line: Float[Tensor, "b e d"]
    pairs: Pairs


class VectorEncoder(nn.Module):
    """Factored attention: over an agent's own past, over the lines, over the other agents.

    Everything is described in its own frame, and relations by relative poses: turning and moving the
    whole scene changes no token.
    """

    def __init__(
        self,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        pair_width: int = 32,
        near_lines: int = 16,
    ) -> None:
        """`near_lines`: how many lines each agent looks at."""
        super().__init__()
        self.near_lines = near_lines
        self.instant = mlp(_MOTION, width, width)
        self.ask_past = nn.Linear(width, width)
        self.past = nn.Linear(width, 2 * width)
        self.shape = nn.Linear(2, width)
        self.kind = nn.Embedding(KINDS + 1, width)  # the last one: the ego
        self.point = mlp(4, width // 2, width)
        self.line_kind = nn.Embedding(LINE_KINDS, width)
        self.light = nn.Embedding(len(LightState), width)
        self.rules = nn.Linear(3, width)
        self.line_norm = nn.LayerNorm(width)
        self.line_pair = mlp(2 * POSE_FEATURES, pair_width, pair_width)
        self.agent_pair = mlp(POSE_FEATURES + 2, pair_width, pair_width)
        self.blocks = nn.ModuleList(Block(width, heads, pair_width) for _ in range(layers))

    def forward(self, scene: VectorScene) -> SceneTokens:
        line, pairs = self._lines(scene), self._pairs(scene)
        agent = self._agents(scene).unsqueeze(1)
        for block in self.blocks:
            agent = block(agent, line, pairs)
        return SceneTokens(agent.squeeze(1), line, pairs)

    def _agents(self, scene: VectorScene) -> Float[Tensor, "b n d"]:
        """Each agent by itself: its past, asked by its present; its size and kind."""
        own = se2.inverse(scene.agent_pose).unsqueeze(2)
        pose = se2.compose(own, scene.history_pose)
        velocity = se2.rotate(scene.history_velocity_mps, own[..., 2]) / _SPEED_MPS
        valid = scene.history_valid.unsqueeze(-1)
        steps = valid.shape[2]
        ago = torch.arange(1 - steps, 1, device=pose.device, dtype=pose.dtype) * scene.dt_s
        motion = torch.cat((pose_features(pose), velocity), dim=-1) * valid
        told = torch.stack((valid.squeeze(-1).to(pose.dtype), ago.expand(valid.shape[:-1])), dim=-1)
        instant = self.instant(torch.cat((motion, told), dim=-1))
        present = instant[:, :, -1]
        key, value = self.past(instant).chunk(2, dim=-1)
        score = (self.ask_past(present).unsqueeze(2) * key).sum(-1) / key.shape[-1] ** 0.5
        weight = torch.softmax(score.masked_fill(~scene.history_valid, -1e4), dim=-1)
        past = (weight.unsqueeze(-1) * value).sum(dim=2)
        kind = torch.cat(
            (torch.full_like(scene.agent_kind[:, :1], KINDS), scene.agent_kind[:, 1:]), dim=1
        )
        return present + past + self.shape(scene.agent_size_m / _SIZE_M) + self.kind(kind)

    def _lines(self, scene: VectorScene) -> Float[Tensor, "b e d"]:
        """Each line by itself: its points seen from the first of them, and its rules."""
        there = scene.line_point_valid.unsqueeze(-1)
        pose = _line_poses(scene)
        own = se2.inverse(pose[:, :, :1])
        seen = se2.compose(own, pose)
        shape = torch.cat(
            (seen[..., :2] / _LINE_M, torch.cos(seen[..., 2:]), torch.sin(seen[..., 2:])), dim=-1
        )
        point = self.point(shape).masked_fill(~there, -1e4).amax(dim=2)
        rules = torch.stack(
            (
                scene.line_speed_limit_mps / _SPEED_MPS,
                scene.line_on_route.to(pose.dtype),
                scene.line_reachable.to(pose.dtype),
            ),
            dim=-1,
        )
        named = self.line_kind(scene.line_kind) + self.light(scene.line_light) + self.rules(rules)
        token = torch.where(there.any(dim=2), point, 0.0) + named
        return self.line_norm(token)

    def _pairs(self, scene: VectorScene) -> Pairs:
        frame, valid = scene.agent_pose, scene.agent_valid
        seen_from = se2.inverse(frame).unsqueeze(2)
        poses = _line_poses(scene)
        near = nearest_lines(frame, poses, scene.line_point_valid, self.near_lines)
        batch = torch.arange(len(frame), device=frame.device)[:, None, None]
        start = se2.compose(seen_from, poses[batch, near.index, 0])
        line = torch.cat((pose_features(near.pose), pose_features(start)), dim=-1)
        other = se2.compose(seen_from, frame.unsqueeze(1))
        velocity = scene.velocity_mps
        moving = se2.rotate(velocity.unsqueeze(1) - velocity.unsqueeze(2), -frame[..., 2:])
        agent = torch.cat((pose_features(other), moving / _SPEED_MPS), dim=-1)
        return Pairs(
            line=self.line_pair(line),
            line_index=near.index,
            line_visible=valid.unsqueeze(2) & near.valid,
            agent=self.agent_pair(agent),
            agent_visible=valid.unsqueeze(2) & valid.unsqueeze(1),
        )


def _line_poses(scene: VectorScene) -> Float[Tensor, "b e p 3"]:
    yaw = line_headings(scene.line_m, scene.line_point_valid)
    return torch.cat((scene.line_m, yaw.unsqueeze(-1)), dim=-1)
