"""`BevEncoder`: a bird's-eye-view image as features, and each agent's view of them as a token."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drive.features.raster import CHANNELS, PAST_S, scene_raster
from drive.features.vectors import KINDS, VectorScene
from drive.networks.relative import POSE_FEATURES, mlp, pose_features
from sim.geometry import se2
from sim.geometry.grid import BevGrid

STRIDE = 4  # cells of the image in one of the features
_SPEED_MPS, _SIZE_M = 10.0, 5.0  # what becomes 1
_CROP_X_M, _CROP_Y_M = (-6.0, 0.0, 6.0, 12.0, 20.0, 30.0, 42.0), (-8.0, -4.0, 0.0, 4.0, 8.0)


@dataclass(frozen=True)
class ImageConfig:
    """Sizes of an image encoder: the image's grid around the ego, `behind_m` of it behind."""

    width: int = 32
    resolution_m: float = 0.8
    num_x: int = 160
    num_y: int = 112
    behind_m: float = 40.0

    @property
    def grid(self) -> BevGrid:
        """In the ego frame."""
        half_m = 0.5 * self.num_y * self.resolution_m
        return BevGrid(-self.behind_m, -half_m, self.resolution_m, self.num_x, self.num_y)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut (He et al. 2016), with group norms."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            _norm(outputs),
            nn.GELU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            _norm(outputs),
        )
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Float[Tensor, "b i x y"]) -> Float[Tensor, "b o u v"]:
        return nn.functional.gelu(self.body(x) + self.shortcut(x))


class BevBackbone(nn.Module):
    """Down to a sixteenth of the resolution, and back up to a quarter of it (feature pyramid)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 3, 2, 1, bias=False), _norm(width), nn.GELU()
        )
        self.down = nn.ModuleList(
            ResidualBlock(i * width, o * width, 2) for i, o in ((1, 1), (1, 2), (2, 2))
        )
        self.across = nn.ModuleList(nn.Conv2d(k * width, width, 1) for k in (1, 2, 2))
        self.out = nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, image: Float[Tensor, "b c x y"]) -> Float[Tensor, "b d u v"]:
        """A cell of the result is `STRIDE` cells of the image; u and v are x and y over that, rounded up."""
        x, levels = self.stem(image), []
        for block, across in zip(self.down, self.across, strict=True):
            x = block(x)
            levels.append(across(x))
        up = levels[-1]
        for level in levels[-2::-1]:
            up = level + nn.functional.interpolate(up, size=level.shape[-2:])
        return self.out(nn.functional.gelu(up))


def cell_features(
    image: Float[Tensor, "b c x y"],
    feature: Float[Tensor, "b d u v"],
    narrow: nn.Module,
    detail: nn.Module,
    mix: nn.Module,
) -> Float[Tensor, "b e x y"]:
    """What the backbone sees around each cell, and what the image shows in it.

    `narrow` makes the backbone's features as many as `detail` those of the image; `mix` looks at both.
    """
    num_x, num_y = image.shape[-2:]
    wide = nn.functional.interpolate(narrow(feature), scale_factor=STRIDE, mode="bilinear")
    out = nn.functional.relu(wide[..., :num_x, :num_y] + detail(image))
    return out + nn.functional.relu(mix(out))


class BevEncoder(nn.Module):
    """A token an agent: the features around it, in its own frame, and its own motion.

    Where it leaves the grid it sees zeros. `width`: of the features and of the token; `channels`: of
    the image.
    """

    def __init__(self, grid: BevGrid, width: int, channels: int = len(CHANNELS)) -> None:
        super().__init__()
        self.grid = grid
        self.backbone = BevBackbone(channels, width)
        points = len(_CROP_X_M) * len(_CROP_Y_M)
        self.around = nn.Linear(points * width, width)
        self.motion = mlp(6 + len(PAST_S) * (POSE_FEATURES + 1), width, width)
        self.kind = nn.Embedding(KINDS + 1, width)  # the last one: the ego
        self.think = mlp(width, 2 * width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, scene: VectorScene) -> Float[Tensor, "b n d"]:
        return self.tokens(self.backbone(scene_raster(scene, self.grid)), scene)

    def tokens(
        self, feature: Float[Tensor, "b d u v"], scene: VectorScene
    ) -> Float[Tensor, "b n d"]:
        """Of the scene's agents, from the backbone's features of an image in the same frame."""
        around = self.around(crops(feature, self.grid, scene.agent_pose).flatten(2))
        kind = torch.cat(
            (torch.full_like(scene.agent_kind[:, :1], KINDS), scene.agent_kind[:, 1:]), dim=1
        )
        token = around + self.motion(_own_motion(scene)) + self.kind(kind)
        return self.norm(token + self.think(token))


def crops(
    feature: Float[Tensor, "b d u v"], grid: BevGrid, pose: Float[Tensor, "b n 3"]
) -> Float[Tensor, "b n p d"]:
    """Features at points around each pose, turned with it; between cells linearly. `grid` is the image's.

    Most points lie ahead: that is where it goes.
    """
    place = torch.cartesian_prod(
        torch.tensor(_CROP_X_M, device=pose.device), torch.tensor(_CROP_Y_M, device=pose.device)
    )
    point_m = se2.transform_points(pose.unsqueeze(2), place.to(pose.dtype))
    x, y = grid.cells(*point_m.unbind(-1))
    cells = [STRIDE * length for length in feature.shape[-2:]]  # where the image was rounded up
    where = torch.stack((2.0 * y / cells[1] - 1.0, 2.0 * x / cells[0] - 1.0), dim=-1)
    seen = nn.functional.grid_sample(feature.float(), where.float(), align_corners=False)
    return seen.permute(0, 2, 3, 1)


def _own_motion(scene: VectorScene) -> Float[Tensor, "b n k"]:
    """Velocity, size, heading in the image, and where it was as seen from where it is."""
    yaw = scene.agent_pose[..., 2]
    velocity = se2.rotate(scene.velocity_mps, -yaw) / _SPEED_MPS
    told = [velocity, scene.agent_size_m / _SIZE_M, torch.stack((yaw.cos(), yaw.sin()), dim=-1)]
    own = se2.inverse(scene.agent_pose)
    instants = scene.history_valid.shape[2]
    for past_s in PAST_S:
        k = instants - 1 - round(past_s / scene.dt_s)
        there = (scene.history_valid[:, :, max(k, 0)] & (k >= 0)).unsqueeze(-1).to(yaw.dtype)
        pose = se2.compose(own, scene.history_pose[:, :, max(k, 0)])
        told += [pose_features(pose) * there, there]
    return torch.cat(told, dim=-1)


def _norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(max(1, width // 8), width)
