"""`OccupancyPredictor`: which cells road users of each class will take, and how what is in them moves on.

Logits over time as in P3 (Sadat et al. 2020), a motion field as in MP3 (Casas et al. 2021), over map and
tracks, or map and sweeps. What it costs does not depend on how many agents there are, but for drawing them.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from drive.features.occupancy import CLASSES, boxes_occupy
from drive.features.sweeps import on_lanes, seen_channels, seen_raster, seen_scene
from drive.features.vectors import VectorScene
from drive.networks.bev_encoder import BevBackbone, ImageConfig, cell_features
from drive.networks.weights import TaskNetwork
from drive.prediction.baselines import constant_velocity
from drive.prediction.recalibration import Recalibration
from sim.geometry.grid import BevGrid
from sim.interface import Observation, Occupancy
from sim.scenario import AgentKind

HIGHEST_LOGIT = 10.0  # P3's: no cell is surer than this
_FREE = -6.0  # the first logits: a cell in 400 is taken
# A box at constant velocity is right with exp(-t / this): measured on `interactive-train`.
_LASTS_S = 6.5
# Half of what a lidar's return on a lane adds at first: it may be a part of anything.
_RETURNED = 3.6
_MOVED_M = 5.0  # what becomes 1: a step at 10 m/s


@dataclass(frozen=True)
class OccupancyConfig(ImageConfig):
    """Sizes of the network; `cell_width`: of a cell's features; `modes`: ways on from a cell; `points`
    instants, `dt_s` apart, the first one `dt_s` from now; `sensors`: one of `drive.features.sweeps`."""

    cell_width: int = 16
    modes: int = 2
    points: int = 10
    dt_s: float = 0.5
    sensors: str = "tracks"


@dataclass(frozen=True)
class OccupancyFutures:
    """Forecast occupancy at S = T + 1 instants, now first, and T steps of motion between them.

    `moved_m`: how far what is in a cell goes in a step, K ways; ego frame.
    """

    logit: Float[Tensor, "b c s x y"]  # classes as `CLASSES`
    moved_m: Float[Tensor, "b t k x y 2"]
    mode_logit: Float[Tensor, "b t k x y"]
    grid: BevGrid
    dt_s: float

    @property
    def probability(self) -> Float[Tensor, "b c s x y"]:
        """That somebody of the class is in the cell."""
        return torch.sigmoid(self.logit)

    @property
    def anybody(self) -> Float[Tensor, "b t x y"]:
        """How likely anybody of any class is in the cell from `dt_s` on, classes being independent."""
        return 1.0 - (1.0 - self.probability[:, :, 1:]).prod(dim=1)

    @property
    def flow_mps(self) -> Float[Tensor, "b t x y 2"]:
        """The mean velocity of what is in each cell, from each instant to the next."""
        weight = torch.softmax(self.mode_logit, dim=2).unsqueeze(-1)
        return (weight * self.moved_m).sum(dim=2) / self.dt_s

    def warped(self) -> Float[Tensor, "b c s x y"]:
        """The occupancy of now, carried on by the motion field alone (MP3): a second forecast.

        Expected numbers of occupants; where ways meet they may exceed 1.
        """
        mode_probability, out = torch.softmax(self.mode_logit, dim=2), [self.probability[:, :, 0]]
        for t in range(self.moved_m.shape[1]):
            out.append(warp(out[-1], self.moved_m[:, t], mode_probability[:, t], self.grid))
        return torch.stack(out, dim=2)


def warp(
    mass: Float[Tensor, "b c x y"],
    moved_m: Float[Tensor, "b k x y 2"],
    probability: Float[Tensor, "b k x y"],
    grid: BevGrid,
) -> Float[Tensor, "b c x y"]:
    """What each cell holds goes on in K ways at once, a share `probability` of it by `moved_m` each.

    The share arrives in the four cells around, bilinearly (MP3, with the sum over what
    arrives in place of the probability that any of it does): the mass stays the same, less what leaves
    the grid. Differentiable in all three.
    """
    i = torch.arange(grid.num_x, device=mass.device).unsqueeze(1)
    j = torch.arange(grid.num_y, device=mass.device)
    cell = torch.stack(
        (i + moved_m[..., 0] / grid.resolution_m, j + moved_m[..., 1] / grid.resolution_m)
    )
    low = torch.floor(cell)
    share = (cell - low).unsqueeze(-1)
    corner = torch.tensor(((0, 0, 1, 1), (0, 1, 0, 1)), device=mass.device)[
        :, None, None, None, None
    ]
    weight = torch.where(corner == 1, share, 1.0 - share).prod(dim=0)
    i, j = low.unsqueeze(-1) + corner
    there = grid.holds(i, j)
    arrives = torch.where(there, weight * probability.unsqueeze(-1), 0.0)
    number = torch.where(there, grid.flat(i, j), 0.0).long()
    moved = (mass[:, :, None, :, :, None] * arrives.unsqueeze(1)).flatten(2)
    index = number.flatten(1).unsqueeze(1).expand_as(moved)
    out = mass.new_zeros(*mass.shape[:2], grid.num_cells)
    return out.scatter_add(2, index, moved).reshape(mass.shape)


class OccupancyPredictor(TaskNetwork):
    """An image encoder whose features return to the image's cells; logits step by step; motion at once.

    From tracks it begins as the forecast of boxes at constant velocity, and learns how people depart from it:
    to learn from images how far each of them goes took longer than a small training lasts. From lidar it
    begins as the forecast that what stands on lanes now stays there.
    """

    task, version, config_class = "occupancy", 2, OccupancyConfig

    def __init__(self, config: OccupancyConfig) -> None:
        super().__init__()
        self.config = config
        width, cells, classes = config.width, config.cell_width, len(CLASSES)
        channels = seen_channels(config.sensors)
        self.backbone = BevBackbone(channels, width)
        self.narrow = nn.Conv2d(width, cells, 1)
        self.detail = nn.Conv2d(channels, cells, 3, 1, 1)
        self.mix = nn.Conv2d(
            cells, cells, 3, 1, 1
        )  # no norm: it would be over an almost empty image
        self.now = nn.Conv2d(cells + classes, classes, 1)
        nn.init.constant_(_bias(self.now), _FREE)
        self.told = nn.Parameter(_first_told(config).expand(-1, classes, 1, 1).clone())
        self.update = (
            nn.ModuleList(  # weights of its own for every step, which sees all logits before it
                _head(cells + (t + 2) * classes, cells, classes) for t in range(config.points)
            )
        )
        self.motion = _head(cells, 2 * cells, config.points * config.modes * 3)
        self.recalibrated = Recalibration(config.points + 1, classes)

    def forward(self, scene: VectorScene) -> OccupancyFutures:
        """The scene has to be in the ego's frame, as `seen_scene` makes it for the network's sensors."""
        config, grid = self.config, self.config.grid
        image = seen_raster(scene, grid)
        feature = self.cell_features(image)
        if config.sensors == "tracks":
            boxes = coasting_boxes(scene, config.points, config.dt_s, grid)
        else:
            boxes = standing_vehicles(image, config.points)
        coasting = boxes.to(feature.dtype)
        told = self.motion(feature).float().unflatten(1, (config.points, config.modes, 3))
        return OccupancyFutures(
            logit=self.recalibrated(self.logits(feature, coasting)),
            moved_m=_MOVED_M * told[:, :, :, :2].permute(0, 1, 2, 4, 5, 3),
            mode_logit=told[:, :, :, 2],
            grid=grid,
            dt_s=config.dt_s,
        )

    def cell_features(self, image: Float[Tensor, "b c x y"]) -> Float[Tensor, "b d x y"]:
        """f_occ: what the backbone sees around each cell, and what the image shows in it."""
        feature = self.backbone(image)
        return cell_features(image, feature, self.narrow, self.detail, self.mix)

    def logits(
        self, feature: Float[Tensor, "b d x y"], coasting: Float[Tensor, "b c s x y"]
    ) -> Float[Tensor, "b c s x y"]:
        """l^{t,c} = l^{t-1,c} + U^t(f_occ, l^{0:t-1,c}) (P3), within `HIGHEST_LOGIT`; part of f_occ are the
        boxes of each instant at constant velocity, and part of U the boxes that come and go in a step."""
        first = torch.cat((feature, coasting[:, :, 0]), dim=1)
        sure = (
            2.0 * self.told * coasting.transpose(1, 2)
        )  # a free cell's logit becomes a taken one's
        logits = [_bounded(self.now(first).float() + sure[:, 0])]  # sums and places want 32 bits
        for t, update in enumerate(self.update, start=1):
            change = update(torch.cat((feature, coasting[:, :, t], *logits), dim=1))
            logits.append(_bounded(logits[-1] + change + sure[:, t] - sure[:, t - 1]))
        return torch.stack(logits, dim=2)

    def predict_occupancy(
        self, observation: Observation, sweeps: UInt8[Tensor, "b c u w"] | None = None
    ) -> Occupancy:
        """Of an observation, and of its sweeps where the network sees lidar (`SweepMemory`)."""
        return self.occupancy(seen_scene(observation, sweeps, self.config.sensors))

    def occupancy(self, scene: VectorScene) -> Occupancy:
        """How likely anybody is in a cell; not the ego."""
        futures = self(scene)
        return Occupancy(futures.anybody, futures.grid, futures.dt_s)


def coasting_boxes(
    scene: VectorScene, points: int, dt_s: float, grid: BevGrid
) -> Bool[Tensor, "b c s x y"]:
    """The cells that the others take now and in the next `points` steps if they go on as now."""
    now = scene.agent_pose.unsqueeze(2)
    position_m = constant_velocity(scene, points, dt_s)
    then = torch.cat((position_m, now[..., 2:].expand(-1, -1, points, -1)), dim=-1)
    return boxes_occupy(scene, torch.cat((now, then), dim=2), grid)


def _first_told(config: OccupancyConfig) -> Float[Tensor, "s 1 1 1"]:
    """Half of by how much a logit grows where a box is at constant velocity, at each instant, untrained; from
    lidar, where something returned.

    It makes the network as sure of these boxes as one can be; surer ones took longer to unlearn that than
    a small training lasts.
    """
    if config.sensors == "lidar":
        return torch.full((config.points + 1, 1, 1, 1), _RETURNED)
    time_s = config.dt_s * torch.arange(config.points + 1)
    right = torch.exp(-time_s / _LASTS_S).clamp(max=1.0 / (1.0 + math.exp(_FREE)))
    return (0.5 * (torch.logit(right) - _FREE)).reshape(-1, 1, 1, 1)


def standing_vehicles(image: Float[Tensor, "b i x y"], points: int) -> Bool[Tensor, "b c s x y"]:
    """The cells in which a lidar's returns stand on lanes, now and `points` times again; all as vehicles."""
    standing = on_lanes(image)
    nobody = torch.zeros_like(standing)
    each = [standing if kind == AgentKind.VEHICLE else nobody for kind in CLASSES]
    return torch.stack(each, dim=1).unsqueeze(2).expand(-1, -1, points + 1, -1, -1)


def _head(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two convolutions; it begins at 0: logits that persist, and nothing moves."""
    last = nn.Conv2d(hidden, outputs, 1)
    nn.init.normal_(last.weight, std=1e-3)
    nn.init.zeros_(_bias(last))
    return nn.Sequential(nn.Conv2d(inputs, hidden, 3, 1, 1), nn.ReLU(), last)


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def _bounded(logit: Tensor) -> Tensor:
    return logit.clamp(-HIGHEST_LOGIT, HIGHEST_LOGIT)
