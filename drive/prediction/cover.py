"""`CoverPredictor`: which trajectory of a fixed set each agent takes (CoverNet, Phan-Minh et al. 2020)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from drive.features.vectors import VectorScene, observed_scene
from drive.networks.bev_encoder import BevEncoder, ImageConfig
from drive.networks.joint_head import JointFutures
from drive.networks.relative import mlp
from drive.networks.weights import TaskNetwork
from drive.prediction.joint import forecast_of
from sim.interface import Forecast, Observation


@dataclass(frozen=True)
class CoverConfig(ImageConfig):
    """Sizes of the network; `trajectories`: in the set, of `points` entries every `dt_s`; `futures` of them
    make a forecast."""

    trajectories: int = 256
    futures: int = 6
    points: int = 12
    dt_s: float = 0.5


class CoverPredictor(TaskNetwork):
    """An image encoder and a classifier; the set is part of the weights, zeros until it is put in."""

    task, version, config_class = "cover", 1, CoverConfig
    set_m: Float[Tensor, "m t 2"]  # in the frame of whoever drives

    def __init__(self, config: CoverConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = BevEncoder(config.grid, config.width)
        self.logit = mlp(config.width, 4 * config.width, config.trajectories)
        self.register_buffer("set_m", torch.zeros(config.trajectories, config.points, 2))

    def forward(self, scene: VectorScene) -> Float[Tensor, "b n m"]:
        """The logit of each of the set; no ReLU over it, which the nuScenes devkit's model has."""
        return self.logit(self.encoder(scene))

    def futures_of(self, logit: Float[Tensor, "b n m"]) -> JointFutures:
        """The most probable ones of each agent."""
        best = logit.topk(min(self.config.futures, logit.shape[2]), dim=2)
        return JointFutures(
            self.set_m[best.indices].transpose(1, 2), best.values.transpose(1, 2), self.config.dt_s
        )

    def predict_each(self, observation: Observation) -> Forecast:
        """The others one by one; probabilities are among the futures that are handed out."""
        scene = observed_scene(observation)
        return forecast_of(self.futures_of(self(scene)), scene)
