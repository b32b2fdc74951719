"""`Tiles`: cells of many maps, stored tile by tile, without the tiles in which there is nothing."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.geometry.grid import BevGrid, BevGrids
from sim.geometry.nearest import TILE

_SHIFT = int(math.log2(TILE))  # a power of two: no division where points are looked up


@dataclass(frozen=True)
class Tiles:
    """Where the cells of M maps are stored.

    Values are tensors `[S * TILE * TILE, ...]` of S stored tiles: first one that stands for every
    tile in which there is nothing, and for what is off the map; then those of the first map, and so on.
    """

    cells: BevGrids
    tiles: BevGrids
    stored_at: Int[Tensor, " t"]  # of each map's tiles: which stored one it is

    @staticmethod
    def of(grids: list[BevGrid], occupied: list[np.ndarray]) -> "Tiles":
        """`occupied`: the numbers in `grid.coarse(TILE)` of each map's stored tiles, in their order."""
        tiles = BevGrids.of([grid.coarse(TILE) for grid in grids])
        stored_at = np.zeros(sum(grid.coarse(TILE).num_cells for grid in grids), dtype=np.int32)
        places = [own + first for own, first in zip(occupied, tiles.first.tolist(), strict=True)]
        place = np.concatenate(places)
        stored_at[place] = np.arange(1, len(place) + 1)
        return Tiles(BevGrids.of(grids), tiles, torch.from_numpy(stored_at))

    def find(self, points_m: Float[Tensor, "b *p 2"], row: Int[Tensor, " b"]) -> "StoredCells":
        """The cells that hold the points; world b looks at map `row[b]`."""
        return self.find_xy(points_m[..., 0], points_m[..., 1], row)

    def find_xy(
        self, x_m: Float[Tensor, "b *p"], y_m: Float[Tensor, "b *p"], row: Int[Tensor, " b"]
    ) -> "StoredCells":
        """The same of x and y apart."""
        x, y = self.cells.cells(x_m, y_m, row)
        i, j = torch.floor(x), torch.floor(y)
        inside = self.cells.holds(i, j, row)
        whole_i, whole_j = (torch.where(inside, cell, 0.0).int() for cell in (i, j))
        tile = self.stored_at[self.tiles.flat(whole_i >> _SHIFT, whole_j >> _SHIFT, row)]
        tile = torch.where(inside, tile, 0)
        within = ((whole_i & (TILE - 1)) << _SHIFT) + (whole_j & (TILE - 1))
        side_m = self.cells.resolution_m
        return StoredCells(
            (tile << 2 * _SHIFT) + within, inside, (x - i - 0.5) * side_m, (y - j - 0.5) * side_m
        )


@dataclass(frozen=True)
class StoredCells:
    """Where the cells that hold points are stored, whether they are on the map, and how far from its
    cell's centre each point is."""

    index: Int[Tensor, "b *p"]
    inside: Bool[Tensor, "b *p"]
    x_m: Float[Tensor, "b *p"]
    y_m: Float[Tensor, "b *p"]


def in_tiles(raster: np.ndarray) -> np.ndarray:
    """`[X, Y]` as `[TILE, TILE, T]`, the tiles in the order of `grid.coarse(TILE)`, padded with 0."""
    num_x, num_y = (-(-n // TILE) for n in raster.shape)
    gap = ((0, num_x * TILE - raster.shape[0]), (0, num_y * TILE - raster.shape[1]))
    blocks = np.pad(raster, gap).reshape(num_x, TILE, num_y, TILE)
    return blocks.transpose(1, 3, 0, 2).reshape(TILE, TILE, -1)


def from_tiles(tiles: np.ndarray, order: np.ndarray, grid: BevGrid) -> np.ndarray:
    """The inverse of `in_tiles`: all tiles of a grid, tile `order[k]` at k, as its raster."""
    num_x, num_y = grid.coarse(TILE).shape
    ordered = np.empty_like(tiles)
    ordered[..., order] = tiles
    blocks = ordered.reshape(TILE, TILE, num_x, num_y).transpose(2, 0, 3, 1)
    return blocks.reshape(num_x * TILE, num_y * TILE)[: grid.num_x, : grid.num_y]


def stored(values: list[np.ndarray], nothing: int) -> Tensor:
    """Values `[S, TILE, TILE, ...]` of each map's stored tiles, behind one tile of `nothing`."""
    first = np.full_like(values[0], nothing, shape=(1, *values[0].shape[1:]))
    return torch.from_numpy(np.concatenate([first, *values])).flatten(0, 2)
