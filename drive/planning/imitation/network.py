"""`ImitationNetwork`: what an expert would do in the ego's place, in several ways (behaviour cloning)."""

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import nn

from drive.features.vectors import VectorScene
from drive.networks.joint_head import JointFutures
from drive.networks.relative import mlp
from drive.networks.vector_encoder import VectorEncoder
from drive.networks.weights import TaskNetwork
from drive.planning.candidates import DT_S, POINTS
from sim.geometry import se2
from sim.scenario import EGO

_SPEED_MPS = 10.0  # what becomes 1


@dataclass(frozen=True)
class ImitationConfig:
    """Sizes of the network; `modes`: ways to go on, each of `points` entries every `dt_s`."""

    width: int = 64
    encoder_layers: int = 2
    heads: int = 4
    pair_width: int = 32
    modes: int = 6
    points: int = POINTS
    dt_s: float = DT_S

    @staticmethod
    def of(training: Any) -> "ImitationConfig":
        """The sizes that a training's config names."""
        names = {f.name for f in fields(ImitationConfig)} & {f.name for f in fields(training)}
        return ImitationConfig(**{name: getattr(training, name) for name in names})


class ImitationNetwork(TaskNetwork):
    """From the ego's token to M trajectories, each with a score."""

    task, version, config_class = "bc", 1, ImitationConfig

    def __init__(self, config: ImitationConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.encoder = VectorEncoder(width, config.encoder_layers, config.heads, config.pair_width)
        self.mode = nn.Parameter(torch.randn(config.modes, width))
        self.norm = nn.LayerNorm(width)
        self.think = nn.Sequential(mlp(width, 2 * width, 2 * width), nn.GELU())
        self.velocity = nn.Linear(2 * width, 2 * config.points)
        self.logit = nn.Linear(2 * width, 1)
        nn.init.normal_(self.velocity.weight, std=0.01)  # it begins at constant velocity
        nn.init.zeros_(self.velocity.bias)

    def forward(self, scene: VectorScene) -> JointFutures:
        """Of the ego alone (n = 1), in its own frame; the change of its mean velocity is what is learned."""
        ego = self.encoder(scene).agent[:, EGO]
        x = self.think(self.norm(ego.unsqueeze(1) + self.mode))
        change = self.velocity(x).unflatten(-1, (self.config.points, 2))
        now = se2.rotate(scene.velocity_mps[:, EGO], -scene.agent_pose[:, EGO, 2])[:, None, None]
        mean = now + _SPEED_MPS * change
        number = torch.arange(1, self.config.points + 1, device=mean.device, dtype=mean.dtype)
        position_m = mean * (self.config.dt_s * number).unsqueeze(-1)
        return JointFutures(position_m.unsqueeze(2), self.logit(x), self.config.dt_s)
