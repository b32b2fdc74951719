"""`IntentionPredictor`: what each agent is about to do, and its trajectories, from one BEV image (IntentNet).

Casas, Luo, Urtasun 2018. Over tracks and map who is there is given; over sweeps and map it is detected.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from drive.features.sweeps import NUM_SLICES, lidar_scene, seen_channels, seen_raster
from drive.features.vectors import VectorScene, observed_scene
from drive.networks.bev_encoder import BevEncoder, ImageConfig
from drive.networks.joint_head import JointFutures, around_constant_velocity
from drive.networks.relative import mlp
from drive.networks.weights import TaskNetwork
from drive.perception.detections import Detections
from drive.prediction.detection_head import (
    DetectionHead,
    RoadUserMaps,
    RoadUsers,
    as_agents,
    road_users,
)
from drive.prediction.joint import forecast_of
from sim.errors import InputError
from sim.interface import Forecast, Intention, IntentionKind, Observation


@dataclass(frozen=True)
class IntentionConfig(ImageConfig):
    """Sizes of the network: `futures` K, each of `points` entries every `dt_s`; `sensors`: one of
    `drive.features.sweeps`."""

    futures: int = 6
    points: int = 12
    dt_s: float = 0.5
    sensors: str = "tracks"


@dataclass(frozen=True)
class IntentionFutures:
    """Futures of each agent by itself, and how likely each IntentionKind is."""

    futures: JointFutures
    intention_logit: Float[Tensor, "b n i"]


@dataclass(frozen=True)
class Detected:
    """Whom a lidar showed, the surest first, with their futures and what they are about to do.

    Where the score is 0 there is nobody. `kind`: AgentKind.
    """

    detections: Detections
    kind: Int[Tensor, "b k"]
    velocity_mps: Float[Tensor, "b k 2"]
    intention: Intention
    forecast: Forecast


class IntentionPredictor(TaskNetwork):
    """A shared image encoder; heads for intentions, trajectories, their scores; over sweeps for detection."""

    task, version, config_class = "intention", 1, IntentionConfig

    def __init__(self, config: IntentionConfig) -> None:
        super().__init__()
        self.config = config
        width, channels = config.width, seen_channels(config.sensors)
        self.encoder = BevEncoder(config.grid, width, channels)
        self.intention = mlp(width, width, len(IntentionKind))
        self.future = nn.Parameter(torch.randn(config.futures, width))
        self.think = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU())
        self.velocity = nn.Linear(2 * width, 2 * config.points)
        self.score = nn.Linear(2 * width, 1)
        nn.init.normal_(self.velocity.weight, std=0.01)  # it begins at constant velocity
        nn.init.zeros_(self.velocity.bias)
        if config.sensors == "lidar":
            self.detection = DetectionHead(channels, width)

    def forward(self, scene: VectorScene) -> IntentionFutures:
        """Over tracks. The scene has to be in the ego's frame, as `vector_scene` makes it."""
        return self.futures_of(self.encoder(scene), scene)

    def futures_of(self, token: Float[Tensor, "b n d"], scene: VectorScene) -> IntentionFutures:
        """From a token of each agent of the scene."""
        x = self.think(token.unsqueeze(1) + self.future[:, None])
        change = self.velocity(x).unflatten(-1, (self.config.points, 2))
        futures = around_constant_velocity(
            change, self.score(x).squeeze(-1), scene, self.config.dt_s
        )
        return IntentionFutures(futures, self.intention(token))

    def look(self, scene: VectorScene) -> tuple[Float[Tensor, "b d u v"], RoadUserMaps]:
        """Over sweeps, of a `lidar_scene`: features, and what the cells say of who is there."""
        image = seen_raster(scene, self.config.grid)
        feature = self.encoder.backbone(image)
        return feature, self.detection(image, feature)

    def futures_at(self, feature: Float[Tensor, "b d u v"], scene: VectorScene) -> IntentionFutures:
        """Of the agents of a scene `as_agents`."""
        return self.futures_of(self.encoder.tokens(feature, scene), scene)

    def detect(self, scene: VectorScene) -> tuple[RoadUsers, VectorScene, IntentionFutures]:
        """Over sweeps, of a `lidar_scene`: who is there; the same as agents after the ego; their futures."""
        assert scene.sweeps is not None
        feature, maps = self.look(scene)
        anything = (scene.sweeps[:, :NUM_SLICES] > 0).flatten(1).any(dim=1)
        users = road_users(maps, anything, self.config.grid)
        agents = as_agents(scene, users.detections.box, users.kind, users.velocity_mps, users.there)
        return users, agents, self.futures_at(feature, agents)

    def predict_each(self, observation: Observation) -> Forecast:
        """The others one by one, by their tracks."""
        self._require("tracks")
        scene = observed_scene(observation)
        return forecast_of(self(scene).futures, scene)

    def predict_intention(self, observation: Observation) -> Intention:
        """Of the others, by their tracks."""
        self._require("tracks")
        return Intention(self(observed_scene(observation)).intention_logit[:, 1:])

    def predict_detected(
        self, observation: Observation, sweeps: UInt8[Tensor, "b c u w"]
    ) -> Detected:
        """Of whoever is found in the sweeps (`SweepMemory`); nobody's track is looked at."""
        self._require("lidar")
        users, agents, found = self.detect(lidar_scene(observation, sweeps))
        return Detected(
            users.detections,
            users.kind,
            users.velocity_mps,
            Intention(found.intention_logit[:, 1:]),
            forecast_of(found.futures, agents),
        )

    def _require(self, sensors: str) -> None:
        if self.config.sensors != sensors:
            raise InputError(
                f"weights of task intention that see {self.config.sensors}, where {sensors} are asked "
                f"for: bevdrive train intention --sensors {sensors} makes such"
            )
