"""`BevGrid`: the one place that converts between metres and the cells of a bird's-eye-view raster."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class BevGrid:
    """A grid of `[X, Y]` cells: cell (i, j) covers `x_min + [i, i+1) * resolution`, the same in y."""

    x_min_m: float
    y_min_m: float
    resolution_m: float
    num_x: int
    num_y: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.num_x, self.num_y

    def cell_centers_m(self, device: torch.device | str = "cpu") -> Float[Tensor, "x y 2"]:
        """The centre of each cell."""
        x = self.x_min_m + (torch.arange(self.num_x, device=device) + 0.5) * self.resolution_m
        y = self.y_min_m + (torch.arange(self.num_y, device=device) + 0.5) * self.resolution_m
        return torch.stack(torch.meshgrid(x, y, indexing="ij"), dim=-1)
