"""Occupancy that follows from where everybody may be: a raster of probabilities over time."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.futures import Futures
from sim.geometry.grid import BevGrid

GRID = BevGrid(-10.0, -20.0, 0.5, 160, 80)
"""of what the planners here look at: the ego frame"""
_ALONG, _ACROSS = 16, 5  # points of a box: no hole in a car; in a bus some, narrower than the ego


def foretold_occupancy(
    futures: Sequence[Futures],
    probability: Float[Tensor, "b f"],
    size_m: Float[Tensor, "b n 2"],
    grid: BevGrid = GRID,
) -> Float[Tensor, "b t x y"]:
    """How likely each cell is taken at each instant: the sum over the F futures in which it is."""
    place = torch.cartesian_prod(
        *((torch.arange(n, device=size_m.device) + 0.5) / n - 0.5 for n in (_ALONG, _ACROSS))
    )
    inside_m = place * size_m.unsqueeze(2)
    total = size_m.new_zeros(len(size_m), futures[0].pose.shape[2], grid.num_cells)
    for number, future in enumerate(futures):
        taken = _taken(future, inside_m, grid)
        total = total + probability[:, number, None, None] * taken
    return total.reshape(*total.shape[:2], *grid.shape)


def _taken(
    future: Futures, inside_m: Float[Tensor, "b n q 2"], grid: BevGrid
) -> Float[Tensor, "b t x"]:
    """1 in the cells that hold a point of a box."""
    x, y, yaw = future.pose.unbind(-1)
    told = torch.stack((torch.cos(yaw), torch.sin(yaw), *grid.cells(x, y)), dim=-1)
    along, across = (inside_m / grid.resolution_m).unbind(-1)
    none, one = torch.zeros_like(along), torch.ones_like(along)
    i = torch.floor(told @ torch.stack((along, -across, one, none), dim=2))
    j = torch.floor(told @ torch.stack((across, along, none, one), dim=2))
    held = grid.holds(i, j) & future.valid.unsqueeze(3)
    batch, _, instants, _ = i.shape
    raster = torch.arange(batch * instants, device=i.device).reshape(batch, 1, instants, 1)
    nowhere = batch * instants * grid.num_cells
    index = torch.where(held, grid.flat(i, j).long() + raster * grid.num_cells, nowhere)
    out = inside_m.new_zeros(nowhere + 1).index_fill(0, index.flatten(), 1.0)
    return out[:-1].reshape(batch, instants, grid.num_cells)
