"""`BevGrid`: the one place that converts between metres and the cells of a bird's-eye-view raster."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.errors import InputError

Numbers = Any  # a number, a numpy array or a tensor; what comes out is what went in
Slices = tuple[slice, slice]


@dataclass(frozen=True)
class BevGrid:
    """A grid of `[X, Y]` cells: cell (i, j) covers `x_min + [i, i+1) * resolution`, the same in y.

    Conversions take x and y, or i and j, one by one: numbers, numpy arrays or tensors. A place in
    cells may be a fraction: the low corner of cell (i, j) lies at (i, j), its centre half a cell on.
    """

    x_min_m: float
    y_min_m: float
    resolution_m: float
    num_x: int
    num_y: int

    @staticmethod
    def covering(low_m: np.ndarray, high_m: np.ndarray, resolution_m: float) -> "BevGrid":
        """From `low_m [2]` as many whole cells as it takes to reach `high_m`."""
        num_x, num_y = np.ceil((high_m - low_m) / resolution_m).astype(int).tolist()
        return BevGrid(float(low_m[0]), float(low_m[1]), resolution_m, num_x, num_y)

    @property
    def shape(self) -> tuple[int, int]:
        return self.num_x, self.num_y

    @property
    def num_cells(self) -> int:
        return self.num_x * self.num_y

    @property
    def high_m(self) -> tuple[float, float]:
        """The corner with the largest x and y."""
        return self.point_m(float(self.num_x), float(self.num_y))

    def cells(self, x_m: Numbers, y_m: Numbers) -> tuple[Numbers, Numbers]:
        """Where points lie, in cells; the cell that holds a point is the floor of this."""
        return (x_m - self.x_min_m) / self.resolution_m, (y_m - self.y_min_m) / self.resolution_m

    def point_m(self, i: Numbers, j: Numbers) -> tuple[Numbers, Numbers]:
        """x and y of places in cells: the inverse of `cells`."""
        return self.x_min_m + i * self.resolution_m, self.y_min_m + j * self.resolution_m

    def center_m(self, i: Numbers, j: Numbers) -> tuple[Numbers, Numbers]:
        """x and y of the centre of cell (i, j)."""
        return self.point_m(i + 0.5, j + 0.5)

    def cell_centers_m(self, device: torch.device | str = "cpu") -> Float[Tensor, "x y 2"]:
        """The centre of each cell."""
        x, y = self.center_m(
            torch.arange(self.num_x, device=device), torch.arange(self.num_y, device=device)
        )
        return torch.stack(torch.meshgrid(x, y, indexing="ij"), dim=-1)

    def holds(self, i: Numbers, j: Numbers) -> Numbers:
        """Whether (i, j) is a cell of the grid; shapes broadcast."""
        return (i >= 0) & (i < self.num_x) & (j >= 0) & (j < self.num_y)

    def flat(self, i: Numbers, j: Numbers) -> Numbers:
        """The number of cell (i, j) in a flat raster; shapes broadcast."""
        return i * self.num_y + j

    def cell(self, number: Numbers) -> tuple[Numbers, Numbers]:
        """i and j of the cell of that number: the inverse of `flat`."""
        return number // self.num_y, number % self.num_y

    def overlap(self, low_m: np.ndarray, high_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First cell and the one past the last that boxes `[..., 2]` touch, clipped to the grid."""
        first = np.floor(np.stack(self.cells(low_m[..., 0], low_m[..., 1]), axis=-1))
        last = np.ceil(np.stack(self.cells(high_m[..., 0], high_m[..., 1]), axis=-1))
        shape = np.array(self.shape)
        return first.clip(0, shape).astype(int), last.clip(0, shape).astype(int)

    def part(self, low_m: np.ndarray, high_m: np.ndarray) -> tuple["BevGrid", Slices]:
        """The cells that a box touches, as a grid of their own, and where they are in this one."""
        (i, j), (i_end, j_end) = (v.tolist() for v in self.overlap(low_m, high_m))
        x_min_m, y_min_m = self.point_m(float(i), float(j))
        part = BevGrid(x_min_m, y_min_m, self.resolution_m, max(i_end - i, 0), max(j_end - j, 0))
        return part, (slice(i, i_end), slice(j, j_end))

    def coarse(self, side: int) -> "BevGrid":
        """The grid whose cells are blocks of `side` x `side` cells of this one, the last ones cut."""
        return BevGrid(
            self.x_min_m,
            self.y_min_m,
            self.resolution_m * side,
            -(-self.num_x // side),
            -(-self.num_y // side),
        )


@dataclass(frozen=True)
class BevGrids:
    """M grids of one resolution as tensors, their cells numbered one grid after the other.

    `row [B]`, which every question takes, says which grid each of B worlds looks at; what is asked is
    `[B, *P]`, x and y, or i and j, one by one.
    """

    resolution_m: float
    min_m: Float[Tensor, "m 2"]
    num_cells: Int[Tensor, "m 2"]
    first: Int[Tensor, " m"]  # number of each grid's cell (0, 0)

    @staticmethod
    def of(grids: list[BevGrid]) -> "BevGrids":
        """On the CPU. InputError where all cells together are more than 32 bits can number."""
        sizes = torch.tensor([grid.num_cells for grid in grids])
        if sizes.sum() >= 2**31:
            raise InputError(f"{len(grids)} maps have {int(sizes.sum())} cells, 2147483647 at most")
        return BevGrids(
            resolution_m=grids[0].resolution_m,
            min_m=torch.tensor([(grid.x_min_m, grid.y_min_m) for grid in grids]),
            num_cells=torch.tensor([grid.shape for grid in grids], dtype=torch.int32),
            first=(sizes.cumsum(0) - sizes).int(),
        )

    def cells(
        self, x_m: Float[Tensor, "b *p"], y_m: Float[Tensor, "b *p"], row: Int[Tensor, " b"]
    ) -> tuple[Tensor, Tensor]:
        """Where points lie, in cells of their world's grid: as `BevGrid.cells`."""
        x_min, y_min = (_spread(low, x_m) for low in self.min_m[row].unbind(-1))
        return (x_m - x_min) / self.resolution_m, (y_m - y_min) / self.resolution_m

    def last(self, i: Tensor, row: Int[Tensor, " b"]) -> tuple[Tensor, Tensor]:
        """i and j of the last cell of each world's grid, spread over its points."""
        i_last, j_last = (self.num_cells[row] - 1).unbind(-1)
        return _spread(i_last, i), _spread(j_last, i)

    def holds(self, i: Tensor, j: Tensor, row: Int[Tensor, " b"]) -> Bool[Tensor, "b *p"]:
        """Whether (i, j) is a cell of its world's grid."""
        i_last, j_last = self.last(i, row)
        return (i >= 0) & (i <= i_last) & (j >= 0) & (j <= j_last)

    def flat(self, i: Tensor, j: Tensor, row: Int[Tensor, " b"]) -> Int[Tensor, "b *p"]:
        """The number of each cell."""
        return _spread(self.first[row], i) + i * self.stride(i, row) + j

    def stride(self, i: Tensor, row: Int[Tensor, " b"]) -> Tensor:
        """How far apart (i, j) and (i + 1, j) are, spread over each world's points."""
        return _spread(self.num_cells[row, 1], i)


def _spread(values: Int[Tensor, " b"] | Float[Tensor, " b"], points: Tensor) -> Tensor:
    """`[B]` with axes of one behind, so that it broadcasts over a world's points."""
    return values.reshape(len(values), *(1,) * (points.ndim - 1))
