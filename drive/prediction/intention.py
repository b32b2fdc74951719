"""`IntentionPredictor`: what each agent is about to do, and its trajectories, from one BEV image (IntentNet).

Casas, Luo, Urtasun 2018, over tracks and map: who is there is given, not detected.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drive.features.vectors import VectorScene, observed_scene
from drive.networks.bev_encoder import BevEncoder, ImageConfig
from drive.networks.joint_head import JointFutures, around_constant_velocity
from drive.networks.relative import mlp
from drive.networks.weights import TaskNetwork
from drive.prediction.joint import forecast_of
from sim.interface import Forecast, Intention, IntentionKind, Observation


@dataclass(frozen=True)
class IntentionConfig(ImageConfig):
    """Sizes of the network: `futures` K, each of `points` entries every `dt_s`."""

    futures: int = 6
    points: int = 12
    dt_s: float = 0.5


@dataclass(frozen=True)
class IntentionFutures:
    """Futures of each agent by itself, and how likely each IntentionKind is."""

    futures: JointFutures
    intention_logit: Float[Tensor, "b n i"]


class IntentionPredictor(TaskNetwork):
    """A shared image encoder; heads for intentions, trajectories and their scores."""

    task, version, config_class = "intention", 1, IntentionConfig

    def __init__(self, config: IntentionConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.encoder = BevEncoder(config.grid, width)
        self.intention = mlp(width, width, len(IntentionKind))
        self.future = nn.Parameter(torch.randn(config.futures, width))
        self.think = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU())
        self.velocity = nn.Linear(2 * width, 2 * config.points)
        self.score = nn.Linear(2 * width, 1)
        nn.init.normal_(self.velocity.weight, std=0.01)  # it begins at constant velocity
        nn.init.zeros_(self.velocity.bias)

    def forward(self, scene: VectorScene) -> IntentionFutures:
        """The scene has to be in the ego's frame, as `vector_scene` makes it."""
        token = self.encoder(scene)
        x = self.think(token.unsqueeze(1) + self.future[:, None])
        change = self.velocity(x).unflatten(-1, (self.config.points, 2))
        futures = around_constant_velocity(
            change, self.score(x).squeeze(-1), scene, self.config.dt_s
        )
        return IntentionFutures(futures, self.intention(token))

    def predict_each(self, observation: Observation) -> Forecast:
        """The others one by one."""
        scene = observed_scene(observation)
        return forecast_of(self(scene).futures, scene)

    def predict_intention(self, observation: Observation) -> Intention:
        """Of the others."""
        return Intention(self(observed_scene(observation)).intention_logit[:, 1:])
