"""Occupancy that follows from where everybody may be: a raster of probabilities over time."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from drive.planning.futures import Futures
from sim.geometry.grid import BevGrid

GRID = BevGrid(-10.0, -20.0, 0.5, 160, 80)
"""of what the planners here look at: the ego frame"""
_LEAST_M = 1.0  # of a side: what is smaller would slip between the points of a footprint
_ALONG, _ACROSS = 16, 5  # points of a box: no hole in a car; in a bus some, narrower than the ego


def foretold_occupancy(
    futures: Sequence[Futures],
    probability: Float[Tensor, "b f"],
    size_m: Float[Tensor, "b n 2"],
    grid: BevGrid = GRID,
) -> Float[Tensor, "b t x y"]:
    """How likely each cell is taken at each instant: the sum over the F futures in which it is.

    Who is less than a metre wide or long, on foot or a cone, takes a metre.
    """
    size_m = size_m.clamp(min=_LEAST_M)
    place = torch.cartesian_prod(
        *((torch.arange(n, device=size_m.device) + 0.5) / n - 0.5 for n in (_ALONG, _ACROSS))
    )
    inside_m = place * size_m.unsqueeze(2)
    batch, _, instants, _ = futures[0].pose.shape
    future, world, cell = _taken(futures, inside_m, size_m, grid)
    total = size_m.new_zeros(batch * instants * grid.num_cells + 1)
    counts = torch.bincount(future, minlength=len(futures)).tolist()
    share = probability[world, future].unsqueeze(1)
    for cells, more in zip(cell.split(counts), share.split(counts), strict=True):
        # What several points of a future take gets its share once: each writes the same sum.
        total[cells] = total[cells] + more
    return total[:-1].reshape(batch, instants, *grid.shape)


def _taken(
    futures: Sequence[Futures],
    inside_m: Float[Tensor, "b n q 2"],
    size_m: Float[Tensor, "b n 2"],
    grid: BevGrid,
) -> tuple[Int[Tensor, " k"], Int[Tensor, " k"], Int[Tensor, "k q"]]:
    """Future and world of each box that may touch the grid, in order, and the cells that hold points of it,
    in the rasters `[B, T]` of that future; one past them all: off the grid."""
    pose = torch.stack([future.pose for future in futures])
    valid = torch.stack([future.valid for future in futures])
    reach_m = 0.5 * size_m.norm(dim=2)[:, :, None]
    future, world, agent, instant = (valid & _near(pose, reach_m, grid)).nonzero(as_tuple=True)
    x, y, yaw = pose[future, world, agent, instant].unbind(-1)
    along, across = (inside_m[world, agent] / grid.resolution_m).unbind(-1)
    i, j = (v.unsqueeze(1) for v in grid.cells(x, y))
    cos, sin = torch.cos(yaw).unsqueeze(1), torch.sin(yaw).unsqueeze(1)
    i = torch.floor(i + along * cos - across * sin)
    j = torch.floor(j + along * sin + across * cos)
    raster = (world * pose.shape[3] + instant).unsqueeze(1)
    index = grid.flat(i, j).long() + raster * grid.num_cells
    nowhere = pose.shape[1] * pose.shape[3] * grid.num_cells
    return future, world, torch.where(grid.holds(i, j), index, nowhere)


def _near(
    pose: Float[Tensor, "f b n t 3"], reach_m: Float[Tensor, "b n 1"], grid: BevGrid
) -> Bool[Tensor, "f b n t"]:
    """Whose box may touch the grid; most of a scene's do not."""
    x, y = pose[..., 0], pose[..., 1]
    high_x, high_y = grid.high_m
    return (
        (x > grid.x_min_m - reach_m)
        & (x < high_x + reach_m)
        & (y > grid.y_min_m - reach_m)
        & (y < high_y + reach_m)
    )
