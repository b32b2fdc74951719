"""Attention between things that each have a frame of their own.

Keys and values know where the other is as seen from oneself, so nothing depends on the scene's frame:
score(i, j) = q_i . (k_j + K r_ij) / sqrt(d), out_i = sum_j a_ij (v_j + V r_ij), with r_ij an embedding of
the pose of j in the frame of i (QCNet, Zhou et al. 2023).
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sim.geometry import se2

POSE_FEATURES = 10
_NEAR_M, _FAR_M = 4.0, 40.0
_HIDDEN = -1e4  # a score; infinity would make the gradients of who sees nobody NaN


def pose_features(pose: Float[Tensor, "*p 3"]) -> Float[Tensor, "*p 10"]:
    """A relative pose as numbers of about 1: fine nearby, and coarse far away."""
    x, y, yaw = pose.unbind(-1)
    distance = torch.sqrt(x * x + y * y + 1e-6)
    return torch.stack(
        (
            x / _FAR_M, y / _FAR_M,
            torch.tanh(x / _NEAR_M), torch.tanh(y / _NEAR_M),
            x / (distance + 1.0), y / (distance + 1.0),
            torch.log1p(distance) / 3.0, torch.exp(-distance / 10.0),
            torch.cos(yaw), torch.sin(yaw),
        ),
        dim=-1,
    )  # fmt: skip


@dataclass(frozen=True)
class NearLines:
    """The K lines nearest to each agent: which they are, and where, as seen from it.

    `pose`: at the line's stored point that is nearest to the agent.
    """

    index: Int[Tensor, "b n k"]
    pose: Float[Tensor, "b n k 3"]
    valid: Bool[Tensor, "b n k"]


def nearest_lines(
    frame: Float[Tensor, "b n 3"],
    line: Float[Tensor, "b e p 3"],
    point_valid: Bool[Tensor, "b e p"],
    count: int,
) -> NearLines:
    """At most `count` lines, given as poses of their points, for each of N frames; the nearest first."""
    x, y = line[..., 0].unsqueeze(1), line[..., 1].unsqueeze(1)
    gap = (x - frame[..., 0, None, None]).square() + (y - frame[..., 1, None, None]).square()
    gap, point = gap.masked_fill(~point_valid.unsqueeze(1), torch.inf).min(dim=-1)
    # Stable: lines that meet are equally near where they do, and keep their order in every frame.
    near, index = (values[..., :count] for values in gap.sort(dim=2, stable=True))
    point = torch.gather(point, 2, index)
    batch = torch.arange(len(frame), device=frame.device)[:, None, None]
    seen = se2.compose(se2.inverse(frame).unsqueeze(2), line[batch, index, point])
    return NearLines(index, seen, torch.isfinite(near))


def line_headings(
    line_m: Float[Tensor, "b e p 2"], point_valid: Bool[Tensor, "b e p"]
) -> Float[Tensor, "b e p"]:
    """The direction in which each line runs on from each point; at its end that of the point before."""
    step = line_m[:, :, 1:] - line_m[:, :, :-1]
    yaw = torch.atan2(step[..., 1], step[..., 0])
    yaw = torch.cat((yaw, yaw[..., -1:]), dim=-1)
    goes_on = torch.cat((point_valid[..., 1:], point_valid[..., -1:]), dim=-1)
    before = torch.cat((yaw[..., :1], yaw[..., :-1]), dim=-1)
    return torch.where(goes_on, yaw, before)


@dataclass(frozen=True)
class Pairs:
    """Lines and agents as seen from each agent, embedded; and whom it may look at."""

    line: Float[Tensor, "b n k r"]
    line_index: Int[Tensor, "b n k"]
    line_visible: Bool[Tensor, "b n k"]
    agent: Float[Tensor, "b n n r"]
    agent_visible: Bool[Tensor, "b n n"]


class LineAttention(nn.Module):
    """Each agent looks at the lines near it; F sets of agents look at the same lines.

    K and V act on the queries and on the sums over j instead of on every pair: the same for less. So do
    lines: scores are of all of them, those of near ones are picked, and weights put back among all.
    """

    def __init__(self, width: int, heads: int, pair_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.pair = nn.Linear(pair_width, 2 * width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "b f n d"], line: Float[Tensor, "b e d"], pairs: Pairs
    ) -> Float[Tensor, "b f n d"]:
        sets, agents, lines = *x.shape[1:3], line.shape[1]
        split = self.key_value(line).unflatten(-1, (2, self.heads, -1))
        key, value = split.permute(2, 0, 3, 1, 4)  # b h e c
        pair_key, pair_value = self.pair.weight.unflatten(0, (2, self.heads, -1))  # h c r
        query = self.query(x).unflatten(-1, (self.heads, -1)).permute(0, 3, 1, 2, 4)  # b h f n c
        index = pairs.line_index[:, None, None].expand(-1, self.heads, sets, -1, -1)
        of_line = query.flatten(2, 3) @ key.transpose(-1, -2)  # b h (f n) e
        score = torch.gather(of_line.unflatten(2, (sets, agents)), -1, index)
        asked = (query @ pair_key.unsqueeze(1)).permute(0, 3, 1, 2, 4).flatten(2, 3)  # b n (h f) r
        of_pair = (asked @ pairs.line.transpose(-1, -2)).unflatten(2, (self.heads, sets))
        score = score + of_pair.permute(0, 2, 3, 1, 4)
        visible = pairs.line_visible[:, None, None]
        weight = attention(score / math.sqrt(key.shape[-1]), visible)  # b h f n k
        seen = weight.permute(0, 3, 1, 2, 4).flatten(2, 3) @ pairs.line
        seen = seen.unflatten(2, (self.heads, sets)).permute(0, 2, 3, 1, 4)  # b h f n r
        among_all = weight.new_zeros((*weight.shape[:-1], lines)).scatter(-1, index, weight)
        out = (among_all.flatten(2, 3) @ value).unflatten(2, (sets, agents))
        out = out + seen @ pair_value.transpose(-1, -2).unsqueeze(1)
        return self.out(out.permute(0, 2, 3, 1, 4).flatten(-2))


class AgentAttention(nn.Module):
    """Agents look at one another; F sets of them by themselves, who share their relative poses.

    K and V act on the queries and on the sums over j instead of on every pair: the same for less.
    """

    def __init__(self, width: int, heads: int, pair_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.pair_key = nn.Parameter(torch.empty(heads, width // heads, pair_width))
        self.pair_value = nn.Parameter(torch.empty(heads, pair_width, width // heads))
        self.out = nn.Linear(width, width)
        for matrix in (self.pair_key, self.pair_value):
            nn.init.normal_(matrix, std=pair_width**-0.5)

    def forward(self, x: Float[Tensor, "b f n d"], pairs: Pairs) -> Float[Tensor, "b f n d"]:
        split = self.query_key_value(x).unflatten(-1, (3, self.heads, -1))
        query, key, value = split.permute(3, 0, 1, 4, 2, 5)  # b f h n c
        sets = query.shape[1]
        asked = (query @ self.pair_key).permute(0, 3, 1, 2, 4).flatten(2, 3)  # b n (f h) r
        of_pair = (asked @ pairs.agent.transpose(-1, -2)).unflatten(2, (sets, -1))
        score = query @ key.transpose(-1, -2) + of_pair.permute(0, 2, 3, 1, 4)
        weight = attention(score / math.sqrt(key.shape[-1]), pairs.agent_visible[:, None, None])
        seen = weight.permute(0, 3, 1, 2, 4).flatten(2, 3) @ pairs.agent
        seen = seen.unflatten(2, (sets, -1)).permute(0, 2, 3, 1, 4)  # b f h n r
        out = weight @ value + seen @ self.pair_value
        return self.out(out.transpose(2, 3).flatten(-2))


def attention(score: Float[Tensor, "*a j"], visible: Bool[Tensor, "*b j"]) -> Tensor:
    """Softmax over what is visible; zeros for whoever sees nobody."""
    hidden = ~visible
    return torch.softmax(score.masked_fill(hidden, _HIDDEN), dim=-1).masked_fill(hidden, 0.0)


class Block(nn.Module):
    """Look at the lines, then at one another, then think: pre-norm residual layers."""

    def __init__(self, width: int, heads: int, pair_width: int) -> None:
        super().__init__()
        self.norm = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.to_lines = LineAttention(width, heads, pair_width)
        self.to_agents = AgentAttention(width, heads, pair_width)
        self.think = mlp(width, 2 * width, width)

    def forward(
        self, x: Float[Tensor, "b f n d"], line: Float[Tensor, "b e d"], pairs: Pairs
    ) -> Float[Tensor, "b f n d"]:
        x = x + self.to_lines(self.norm[0](x), line, pairs)
        x = x + self.to_agents(self.norm[1](x), pairs)
        return x + self.think(self.norm[2](x))


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two layers with a GELU between them."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, outputs))
