"""`JointPredictor`: from what the ego knows to F futures of everyone together."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.features.example import ExampleSpec
from drive.features.vectors import VectorScene, observed_scene, require_finite
from drive.networks.joint_head import JointFutures, JointHead
from drive.networks.vector_encoder import VectorEncoder
from drive.networks.weights import TaskNetwork
from sim.geometry import se2
from sim.interface import Forecast, JointForecast, Observation

STANDS_M = 0.3  # a step shorter than this says nothing of a heading


@dataclass(frozen=True)
class JointConfig:
    """Sizes of the network; `futures` F, each of `points` entries every `dt_s`."""

    width: int = 64
    encoder_layers: int = 2
    decoder_layers: int = 1
    heads: int = 4
    pair_width: int = 32
    futures: int = 6
    points: int = 12
    dt_s: float = 0.5


class JointPredictor(TaskNetwork):
    """Scene Transformer's factored attention and joint futures, over relative poses."""

    task, version, config_class = "joint", 3, JointConfig
    needs = ExampleSpec().needs()

    def __init__(self, config: JointConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = VectorEncoder(
            config.width, config.encoder_layers, config.heads, config.pair_width
        )
        self.head = JointHead(
            config.width, config.futures, config.points, config.dt_s,
            config.decoder_layers, config.heads, config.pair_width,
        )  # fmt: skip

    def forward(
        self,
        scene: VectorScene,
        ego_future: Float[Tensor, "b t 3"] | None = None,
        ego_known: Float[Tensor, " b"] | None = None,
    ) -> JointFutures:
        return self.head(self.encoder(scene), scene, ego_future, ego_known)

    def predict_joint(
        self, observation: Observation, ego_future: Float[Tensor, "b t 3"] | None = None
    ) -> JointForecast:
        """Scenes as a whole; `ego_future`: what the ego will do, as far as that is decided.

        Raises InputError where it, or the observation, holds a value that is not finite.
        """
        scene = observed_scene(observation)
        if ego_future is not None:
            require_finite("ego_future", ego_future)
        return joint_forecast_of(self(scene, ego_future), scene)

    def predict_given(
        self, observation: Observation, plan: Float[Tensor, "b p t 3"]
    ) -> JointForecast:
        """What the scene does if the ego does this, or that: b times p forecasts, those of a world in turn.

        `plan`: P things the ego may do, in its frame, as far ahead as the forecasts go. Raises InputError
        where it, or the observation, holds a value that is not finite.
        """
        scene = observed_scene(observation)
        require_finite("plan", plan)
        futures = self.head.given_each(self.encoder(scene), scene, plan)
        each = (-1, self.config.futures)
        pose = poses_in_scene(scene, futures.position_m).flatten(0, 1).unflatten(0, each)
        logit = scene_logit(futures, scene.agent_valid).view(each)
        return JointForecast(pose, torch.softmax(logit, dim=1), futures.dt_s)

    def predict_each(self, observation: Observation) -> Forecast:
        """The others one by one, each with the probabilities that its own token gives."""
        scene = observed_scene(observation)
        return forecast_of(self(scene), scene)


def forecast_of(futures: JointFutures, scene: VectorScene) -> Forecast:
    """Those of the others one by one, in the scene's frame."""
    pose = poses_in_scene(scene, futures.position_m)
    probability = torch.softmax(futures.logit, dim=1)
    return Forecast(
        pose[:, :, 1:, :, :2].transpose(1, 2), probability[:, :, 1:].transpose(1, 2), futures.dt_s
    )


def joint_forecast_of(futures: JointFutures, scene: VectorScene) -> JointForecast:
    """Those of the scene as a whole, in its frame."""
    pose = poses_in_scene(scene, futures.position_m)
    probability = torch.softmax(scene_logit(futures, scene.agent_valid), dim=1)
    return JointForecast(pose, probability, futures.dt_s)


def scene_logit(futures: JointFutures, valid: Tensor) -> Float[Tensor, "b f"]:
    """How likely each future of the scene is: the mean over its agents."""
    there = valid.unsqueeze(1).to(futures.logit.dtype)
    return (futures.logit * there).sum(dim=2) / there.sum(dim=2).clamp(min=1.0)


def poses_in_scene(
    scene: VectorScene, position_m: Float[Tensor, "b f n t 2"]
) -> Float[Tensor, "b f n t 3"]:
    """Positions in each agent's frame as poses in the scene's; it heads where it moves to."""
    pose = torch.cat((position_m, headings(position_m).unsqueeze(-1)), dim=-1)
    return se2.compose(scene.agent_pose[:, None, :, None], pose)


def headings(position_m: Float[Tensor, "*k t 2"]) -> Float[Tensor, "*k t"]:
    """Along each step, from a start at the origin that looks along x; who stands keeps its heading."""
    step = torch.diff(position_m, dim=-2, prepend=torch.zeros_like(position_m[..., :1, :]))
    return held(torch.atan2(step[..., 1], step[..., 0]), step.norm(dim=-1) > STANDS_M)


def held(value: Float[Tensor, "*k t"], known: Bool[Tensor, "*k t"]) -> Float[Tensor, "*k t"]:
    """Where it is not known, the last one that was; 0 before the first."""
    number = torch.arange(1, value.shape[-1] + 1, device=value.device)
    last = torch.where(known, number, 0).cummax(dim=-1).values
    since = torch.cat((torch.zeros_like(value[..., :1]), value), dim=-1)
    return torch.gather(since, -1, last)
