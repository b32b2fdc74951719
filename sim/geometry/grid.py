"""`BevGrid`: the one place that converts between metres and the cells of a bird's-eye-view raster."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class BevGrid:
    """A grid of `[X, Y]` cells: cell (i, j) covers `x_min + [i, i+1) * resolution`, the same in y."""

    x_min_m: float
    y_min_m: float
    resolution_m: float
    num_x: int
    num_y: int

    @staticmethod
    def centered(size_m: float = 100.0, resolution_m: float = 0.5) -> "BevGrid":
        """A square grid around the origin."""
        cells = round(size_m / resolution_m)
        return BevGrid(-size_m / 2, -size_m / 2, resolution_m, cells, cells)

    @property
    def shape(self) -> tuple[int, int]:
        return self.num_x, self.num_y

    def cell_centers_m(self, device: torch.device | str = "cpu") -> Float[Tensor, "x y 2"]:
        """The centre of each cell."""
        x = self.x_min_m + (torch.arange(self.num_x, device=device) + 0.5) * self.resolution_m
        y = self.y_min_m + (torch.arange(self.num_y, device=device) + 0.5) * self.resolution_m
        return torch.stack(torch.meshgrid(x, y, indexing="ij"), dim=-1)

    def cell_of(self, points_m: Float[Tensor, "*p 2"]) -> tuple[Int[Tensor, "*p 2"], Tensor]:
        """The cell indices of each point and whether it lies on the grid."""
        low = points_m.new_tensor((self.x_min_m, self.y_min_m))
        cell = torch.floor((points_m - low) / self.resolution_m).long()
        inside = (cell >= 0).all(-1) & (cell[..., 0] < self.num_x) & (cell[..., 1] < self.num_y)
        return cell, inside
