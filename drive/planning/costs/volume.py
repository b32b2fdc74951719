"""`CostVolume`: what it costs the ego to be in a cell at an instant."""

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.costs.footprint import footprint_m, reduced
from sim.geometry.grid import BevGrid

_MARGIN_M = 3.5  # between the edge and the middle of a box that is all within


@dataclass(frozen=True)
class CostVolume:
    """Costs of cells of the ego frame at T instants, `dt_s` apart, the first one `dt_s` from now."""

    cost: Float[Tensor, "b t x y"]
    grid: BevGrid
    dt_s: float

    def along(
        self, trajectory: Float[Tensor, "b k t 5"], ego_size_m: Float[Tensor, "b 2"]
    ) -> Float[Tensor, "b k t"]:
        """What each instant of trajectories costs: the mean over the ego's box, linear between cells.

        Who is beyond the grid pays what its edge costs: to get out of sight is not free.
        Differentiable in the volume and in the trajectory.
        """
        low = torch.tensor((self.grid.x_min_m, self.grid.y_min_m)).to(trajectory) + _MARGIN_M
        high = torch.tensor(self.grid.high_m).to(trajectory) - _MARGIN_M
        within = torch.cat((trajectory[..., :2].clamp(low, high), trajectory[..., 2:]), dim=-1)
        inside = footprint_m(ego_size_m)
        mean = partial(torch.mean, dim=-1)
        return reduced(mean, self.cost, self.grid, within, inside, smooth=True)
