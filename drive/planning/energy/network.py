"""`EnergyNetwork`: how unlike an expert a trajectory is, in the scene in which it is driven."""

from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from drive.features.vectors import VectorScene
from drive.networks.relative import POSE_FEATURES, line_headings, mlp, pose_features
from drive.networks.vector_encoder import VectorEncoder
from drive.networks.weights import TaskNetwork
from drive.planning.candidates import DT_S, POINTS
from sim.geometry import se2
from sim.scenario import EGO

_SPEED_MPS, _ACCELERATION_MPS2, _CURVATURE, _SIZE_M = 10.0, 3.0, 0.1, 5.0  # what becomes 1
_EVERY = 2  # of the points of a line
_ROUTE_FIRST = 3.0  # points of the route are chosen as if they were nearer by this factor


@dataclass(frozen=True)
class EnergyConfig:
    """Sizes of the network; trajectories have `points` entries every `dt_s`.

    `agents`: how many are looked at, the nearest ones. `line_points`: of the lines around the ego;
    each pose looks at the `near` ones nearest to it.
    """

    width: int = 32
    encoder_layers: int = 2
    heads: int = 4
    pair_width: int = 16
    agents: int = 12
    line_points: int = 96
    near: int = 3
    points: int = POINTS
    dt_s: float = DT_S

    @staticmethod
    def of(training: Any) -> "EnergyConfig":
        """The sizes that a training's config names."""
        names = {f.name for f in fields(EnergyConfig)} & {f.name for f in fields(training)}
        return EnergyConfig(**{name: getattr(training, name) for name in names})


@dataclass(frozen=True)
class Around:
    """What a scene says to any trajectory in it: made once, looked at from every pose of every candidate.

    Of the ego, of N agents and of M points of lines; ego frame.
    """

    ego: Float[Tensor, "b d"]
    speed_mps: Float[Tensor, " b"]
    agent: Float[Tensor, "b n d"]
    agent_pose: Float[Tensor, "b n t 3"]  # at each instant, at constant velocity
    agent_velocity_mps: Float[Tensor, "b n 2"]
    agent_valid: Bool[Tensor, "b n"]
    point: Float[Tensor, "b m d"]
    point_pose: Float[Tensor, "b m 3"]
    point_valid: Bool[Tensor, "b m"]


class EnergyNetwork(TaskNetwork):
    """E(scene, trajectory), a sum over instants: p(trajectory | scene) is proportional to exp(-E).

    At each instant the pose is told what it is like (speed, acceleration, curvature), how the agents lie
    around it that went on at constant velocity, and how the lines do.
    """

    task, version, config_class = "energy", 1, EnergyConfig

    def __init__(self, config: EnergyConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.encoder = VectorEncoder(width, config.encoder_layers, config.heads, config.pair_width)
        self.ego, self.agent, self.point = (nn.Linear(width, width) for _ in range(3))
        self.agent_size = nn.Linear(2, width, bias=False)
        self.seen_agent = nn.Linear(POSE_FEATURES + 2, width)
        self.seen_point = nn.Linear(POSE_FEATURES, width)
        self.own = nn.Linear(POSE_FEATURES + 4, width)
        self.instant = nn.Parameter(torch.zeros(config.points, width))
        self.mix = nn.Linear(2 * width, width)
        self.energy = nn.Sequential(nn.GELU(), mlp(width, 2 * width, 1))

    def around(self, scene: VectorScene) -> Around:
        """Of a scene in the ego frame."""
        tokens = self.encoder(scene)
        own = scene.agent_pose[:, EGO, None, :2]
        row = torch.arange(len(own), device=own.device).unsqueeze(1)

        gap = (scene.agent_pose[:, EGO + 1 :, :2] - own).norm(dim=-1)
        gap = gap.masked_fill(~scene.agent_valid[:, EGO + 1 :], torch.inf)
        near = 1 + gap.argsort(dim=1, stable=True)[:, : self.config.agents]
        velocity = scene.velocity_mps[row, near]
        number = torch.arange(1, self.config.points + 1, device=own.device, dtype=own.dtype)
        moved = velocity.unsqueeze(2) * (self.config.dt_s * number).unsqueeze(-1)
        moved = torch.cat((moved, torch.zeros_like(moved[..., :1])), dim=-1)
        size = self.agent_size(scene.agent_size_m[row, near] / _SIZE_M)

        point_pose, line, gap = _points(scene, own)
        gap, chosen = gap.sort(dim=1, stable=True)
        chosen = chosen[:, : self.config.line_points]
        return Around(
            ego=self.ego(tokens.agent[:, EGO]),
            speed_mps=scene.velocity_mps[:, EGO].norm(dim=-1),
            agent=self.agent(tokens.agent[row, near]) + size,
            agent_pose=scene.agent_pose[row, near].unsqueeze(2) + moved,
            agent_velocity_mps=velocity,
            agent_valid=scene.agent_valid[row, near],
            point=self.point(tokens.line)[row, line[chosen]],
            point_pose=point_pose[row, chosen],
            point_valid=torch.isfinite(gap[:, : self.config.line_points]),
        )

    def forward(self, around: Around, trajectory: Float[Tensor, "b k t 5"]) -> Float[Tensor, "b k"]:
        """The energies of K trajectories of each scene."""
        return self.by_instant(around, trajectory).sum(dim=2)

    def by_instant(
        self, around: Around, trajectory: Float[Tensor, "b k t 5"]
    ) -> Float[Tensor, "b k t"]:
        """What the energies are sums of; `trajectory` may end early."""
        return self.energy(self.instants(around, trajectory)).squeeze(-1)

    def instants(
        self,
        around: Around,
        trajectory: Float[Tensor, "b k t 5"],
        first: int = 0,
        before_mps: Float[Tensor, "b k 1"] | None = None,
    ) -> Float[Tensor, "b k t d"]:
        """What is known of each instant: of its own entry, the speed before it, and what is around.

        Entries from number `first` on; `before_mps`: the speed before that, not given: the ego's now.
        """
        if before_mps is None:
            before_mps = around.speed_mps[:, None, None].expand_as(trajectory[..., :1, 3])
        told = slice(first, first + trajectory.shape[2])
        there = around.agent_pose[:, :, told].transpose(1, 2).unsqueeze(1)
        seen = torch.cat(
            (self._agents(around, there, trajectory), self._points(around, trajectory)), dim=-1
        )
        own = self.own(self._motion(trajectory, before_mps)) + self.instant[told]
        return own + self.mix(seen) + around.ego[:, None, None]

    def _motion(
        self, trajectory: Float[Tensor, "b k t 5"], before_mps: Float[Tensor, "b k 1"]
    ) -> Float[Tensor, "b k t f"]:
        """The pose from where the ego is; speed, acceleration, curvature, lateral acceleration."""
        speed, curvature = trajectory[..., 3], trajectory[..., 4]
        acceleration = torch.diff(speed, dim=-1, prepend=before_mps) / self.config.dt_s
        told = (
            speed / _SPEED_MPS,
            acceleration / _ACCELERATION_MPS2,
            curvature / _CURVATURE,
            speed.square() * curvature / _ACCELERATION_MPS2,
        )
        return torch.cat((pose_features(trajectory[..., :3]), torch.stack(told, dim=-1)), dim=-1)

    def _agents(
        self,
        around: Around,
        there: Float[Tensor, "b 1 t n 3"],
        trajectory: Float[Tensor, "b k t 5"],
    ) -> Float[Tensor, "b k t d"]:
        """Where the agents are at that instant, and how they move, as seen from the ego there."""
        pose = trajectory[..., None, :3]
        heading = torch.stack((torch.cos(pose[..., 2]), torch.sin(pose[..., 2])), dim=-1)
        velocity = (
            around.agent_velocity_mps[:, None, None] - trajectory[..., 3, None, None] * heading
        )
        velocity = se2.rotate(velocity, -pose[..., 2]) / _SPEED_MPS
        seen = torch.cat((pose_features(se2.compose(se2.inverse(pose), there)), velocity), dim=-1)
        agent = _hushed(around.agent, around.agent_valid)
        return _most(self.seen_agent(seen) + agent[:, None, None])

    def _points(
        self, around: Around, trajectory: Float[Tensor, "b k t 5"]
    ) -> Float[Tensor, "b k t d"]:
        """Where the points of lines nearest to each pose are, as seen from it."""
        pose = trajectory[..., :3].flatten(1, 2)
        with torch.no_grad():
            gap = torch.cdist(
                pose[..., :2], around.point_pose[..., :2],
                compute_mode="donot_use_mm_for_euclid_dist",
            )  # fmt: skip
            gap = gap.masked_fill(~around.point_valid.unsqueeze(1), torch.inf)
            count = min(self.config.near, gap.shape[2])
            gap, near = gap.topk(count, dim=2, largest=False)
        row = torch.arange(len(pose), device=pose.device)[:, None, None]
        seen = se2.compose(se2.inverse(pose).unsqueeze(2), around.point_pose[row, near])
        point = _hushed(around.point, around.point_valid)[row, near]
        said = _most(self.seen_point(pose_features(seen)) + point)
        return said.unflatten(1, trajectory.shape[1:3])


def _points(
    scene: VectorScene, own_m: Float[Tensor, "b 1 2"]
) -> tuple[Float[Tensor, "b m 3"], Tensor, Float[Tensor, "b m"]]:
    """Points of the lines as poses, the line `[m]` of each, and how far it is; inf where there is none."""
    yaw = line_headings(scene.line_m, scene.line_point_valid)
    pose = torch.cat((scene.line_m, yaw.unsqueeze(-1)), dim=-1)[:, :, ::_EVERY]
    lines, points = pose.shape[1:3]
    gap = (pose[..., :2] - own_m.unsqueeze(2)).norm(dim=-1)
    gap = torch.where(scene.line_on_route.unsqueeze(2), gap / _ROUTE_FIRST, gap)
    gap = gap.masked_fill(~scene.line_point_valid[:, :, ::_EVERY], torch.inf)
    line = torch.arange(lines, device=pose.device).repeat_interleave(points)
    return pose.flatten(1, 2), line, gap.flatten(1, 2)


def _hushed(embedded: Float[Tensor, "b n d"], valid: Bool[Tensor, "b n"]) -> Float[Tensor, "b n d"]:
    """Minus infinity where nobody is: in `_most` that says nothing, and there is no mask for each pose."""
    return embedded.masked_fill(~valid.unsqueeze(-1), -torch.inf)


def _most(said: Float[Tensor, "*k n d"]) -> Float[Tensor, "*k d"]:
    """The greatest of what each says, at least 0: what nobody says."""
    if said.shape[-2] == 0:
        return said.sum(dim=-2)
    return torch.relu(said.amax(dim=-2))
