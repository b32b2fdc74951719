"""`Detector`: from the points of sweeps to how likely a road user's centre is in each cell, and its box."""

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from drive.networks.weights import TaskNetwork
from drive.perception.detections import Detections
from drive.perception.detector.box_code import NUMBERS
from drive.perception.detector.decode import detections
from sim.geometry.grid import BevGrid

PILLAR_M = 0.2
STRIDE = 4  # pillars along a cell of what comes out
FAR_M = 80.0  # how far it looks, where nobody says otherwise
_DEEPEST = 8  # pillars along the coarsest cell: the sides of a grid are multiples of it
_POINT_WIDTH = 16
_HIGHEST_M = 8.0  # what is farther above the ground, or below, counts as if it were here
_RARE_LOGIT = -2.19  # of one in ten: most cells hold nothing (Lin et al. 2017)


@dataclass(frozen=True)
class DetectorConfig:
    """Sizes of a detector: `width` of the features of a cell after the first step down."""

    width: int = 24


@dataclass(frozen=True)
class CellMaps:
    """What each cell of U x V says: the logit that it holds a centre, and of what box (`box_code`)."""

    logit: Float[Tensor, "b u v"]
    code: Float[Tensor, "b u v 8"]


class Detector(TaskNetwork):
    """Finds road users of any class in sweeps, on any grid of `PILLAR_M` cells.

    Shifted by 8 pillars the same scene gives the same boxes, shifted, up to what the edges of the grid
    do: no layer sees an absolute position, or the whole grid at once.
    """

    task: ClassVar[str] = "detector"
    version: ClassVar[int] = 1
    config_class: ClassVar[type] = DetectorConfig

    def __init__(self, config: DetectorConfig | None = None) -> None:
        super().__init__()
        self.config = config or DetectorConfig()
        w = self.config.width
        self.pillars = Pillars(_POINT_WIDTH)
        self.stem = _Convolution(_POINT_WIDTH, w, 2)
        self.middle = nn.Sequential(
            _Convolution(w, 2 * w, 2), _Convolution(2 * w, 2 * w), _Convolution(2 * w, 2 * w)
        )
        self.deep = nn.Sequential(
            _Convolution(2 * w, 3 * w, 2), *(_Convolution(3 * w, 3 * w) for _ in range(4))
        )
        self.up = nn.Sequential(
            nn.Conv2d(3 * w, 2 * w, 1), nn.Upsample(scale_factor=2, mode="nearest")
        )
        self.out = _Convolution(2 * w, 2 * w)
        self.head = nn.Conv2d(2 * w, 1 + NUMBERS, 1)
        with torch.no_grad():
            assert self.head.bias is not None
            self.head.bias.zero_()[0] = _RARE_LOGIT

    def forward(
        self, point_m: Float[Tensor, "b p 3"], valid: Bool[Tensor, "b p"], grid: BevGrid
    ) -> CellMaps:
        """From points (z over the ground) where they are `valid`; a cell is `STRIDE` x `STRIDE` pillars."""
        if abs(grid.resolution_m - PILLAR_M) > 1e-6 or any(n % _DEEPEST for n in grid.shape):
            raise ValueError(f"a grid of {PILLAR_M} m cells, a multiple of {_DEEPEST}: {grid}")
        middle = self.middle(self.stem(self.pillars(point_m, valid, grid)))
        said = self.head(self.out(middle + self.up(self.deep(middle)))).float()
        said = said.permute(0, 2, 3, 1)
        return CellMaps(said[..., 0], said[..., 1:])

    @torch.no_grad()
    def detect(
        self, point_m: Float[Tensor, "b p 3"], valid: Bool[Tensor, "b p"], grid: BevGrid
    ) -> Detections:
        """Road users whose centres lie in `grid`; as `Detects` says."""
        training = self.training
        maps = self.eval()(point_m, valid, grid)
        self.train(training)
        anything = in_grid(point_m, valid, grid).any(dim=1)
        logit = torch.where(anything[:, None, None], maps.logit, -torch.inf)
        return detections(logit, maps.code, grid.coarse(STRIDE))


def square_grid(range_m: float) -> BevGrid:
    """So far to all sides, to the next whole cell of the coarsest layer."""
    half = _DEEPEST * round(range_m / (_DEEPEST * PILLAR_M))
    return BevGrid(-half * PILLAR_M, -half * PILLAR_M, PILLAR_M, 2 * half, 2 * half)


class Pillars(nn.Module):
    """Points as an image from above: a small network a point, and the largest of what each cell holds
    (PointNet, Qi et al. 2017). A point is told by where in its cell it lies, and how high."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.point = nn.Sequential(
            nn.Linear(3, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )

    def forward(
        self, point_m: Float[Tensor, "b p 3"], valid: Bool[Tensor, "b p"], grid: BevGrid
    ) -> Float[Tensor, "b d x y"]:
        valid = in_grid(point_m, valid, grid)
        x_m, y_m, z_m = torch.where(valid.unsqueeze(-1), point_m, 0.0).unbind(-1)
        x, y = grid.cells(x_m, y_m)
        i, j = x.floor(), y.floor()
        height = z_m.clamp(-_HIGHEST_M, _HIGHEST_M) / 2.0
        place = torch.stack((2.0 * (x - i) - 1.0, 2.0 * (y - j) - 1.0, height), dim=-1)
        # No feature is below zero, and an empty cell is zero: points that do not count may lie anywhere.
        feature = self.point(place) * valid.unsqueeze(-1)
        sweep = torch.arange(len(point_m), device=point_m.device).unsqueeze(1)
        cell = sweep * grid.num_cells + torch.where(valid, grid.flat(i, j), 0.0).long()
        canvas = _largest(feature.flatten(0, 1), cell.flatten(), len(point_m) * grid.num_cells)
        return canvas.unflatten(0, (len(point_m), *grid.shape)).permute(0, 3, 1, 2)


def _largest(
    feature: Float[Tensor, "n d"], cell: Int[Tensor, " n"], num_cells: int
) -> Float[Tensor, "m d"]:
    """Of each of so many cells the largest value of every feature, 0 where it has none.

    Found among the cells that hold anything, which are few: the gradient of `amax` compares every cell
    with every feature.
    """
    held = torch.zeros(num_cells, dtype=torch.bool, device=cell.device)
    held[cell] = True
    occupied = held.nonzero().squeeze(1)
    among = (held.cumsum(0) - 1)[cell].unsqueeze(1).expand_as(feature)
    most = feature.new_zeros(len(occupied), feature.shape[1])
    most = most.scatter_reduce(0, among, feature, "amax")
    return feature.new_zeros(num_cells, feature.shape[1]).index_copy_(0, occupied, most)


def in_grid(
    point_m: Float[Tensor, "b p 3"], valid: Bool[Tensor, "b p"], grid: BevGrid
) -> Bool[Tensor, "b p"]:
    """Which points count: those that are valid, finite, and in a cell."""
    x, y = grid.cells(point_m[..., 0], point_m[..., 1])
    return valid & point_m.isfinite().all(dim=-1) & grid.holds(x, y)


class _Convolution(nn.Sequential):
    """3 x 3, with batch norm: group norms look at the whole grid.

    Where nothing is trained the norm is a factor and a shift, and becomes part of the convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )

    def forward(self, input: Float[Tensor, "b c x y"]) -> Float[Tensor, "b d u v"]:
        if self.training:
            return super().forward(input)
        convolution, norm = cast(nn.Conv2d, self[0]), cast(nn.BatchNorm2d, self[1])
        assert norm.running_mean is not None
        assert norm.running_var is not None
        factor = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        weight = convolution.weight * factor[:, None, None, None]
        shift = norm.bias - factor * norm.running_mean
        out = nn.functional.conv2d(input, weight, shift, convolution.stride, 1)
        return self[2](out)
