"""Lines and areas as first-order distance fields in the tiles near them (numpy, on the CPU).

A cell holds the distance d of its centre and the gradient of d. Lines: positive to the left. Areas:
negative inside.
"""

from dataclasses import dataclass

import numpy as np

from sim.geometry.edges import Edges
from sim.geometry.fill import fill
from sim.geometry.grid import BevGrid
from sim.geometry.nearest import TILE, centers_m, nearest_edges
from sim.maps.tiles import in_tiles

Array = np.ndarray
REACH_M = 10.0  # distances are truncated here
_PIECE_M = 4.0
_AREA_BAND_M = 2.0  # beyond, only the sign counts


@dataclass(frozen=True)
class FirstOrder:
    """T tiles (numbers in `grid.coarse(TILE)`, in no order); in all others d is `REACH_M`.

    `values [3, TILE, TILE, T]`: d, gx, gy. `line [TILE, TILE, T]`: the nearest one, -1: none.
    """

    tile: Array
    values: Array
    line: Array


def line_distance(lines_m: list[Array], grid: BevGrid, band_m: float) -> FirstOrder:
    """To lines `[V, 2]`, within a band around them."""
    if not lines_m:
        return FirstOrder(np.zeros(0, dtype=int), *_nothing(0))
    edges, line = Edges.of_lines(lines_m, _PIECE_M)
    near = nearest_edges(edges, grid, band_m)
    distance, gap_x, gap_y, share = edges.project(near.edge, *centers_m(near.tile, grid))
    length = np.sqrt(edges.length_sq)
    left_x, left_y = (-edges.dy / length)[near.edge], (edges.dx / length)[near.edge]
    side = np.where(gap_x * left_x + gap_y * left_y >= 0, 1.0, -1.0)
    # Around an end the distance grows away from it, elsewhere across the edge.
    around = ((share <= 0) | (share >= 1)) & (distance > 1e-6)
    scale = side / np.maximum(distance, 1e-6)
    values, line_of = _nothing(len(near.tile))
    found = near.edge >= 0
    np.copyto(values[0], side * distance, where=found)
    np.copyto(values[1], np.where(around, scale * gap_x, left_x), where=found)
    np.copyto(values[2], np.where(around, scale * gap_y, left_y), where=found)
    np.copyto(line_of, line[near.edge], where=found)
    return FirstOrder(near.tile, values, line_of)


def area_distance(rings_m: list[Array], grid: BevGrid) -> FirstOrder:
    """To the outline of areas: rings `[V, 2]`, open, their inside to the left."""
    edge = line_distance([np.concatenate((r, r[:1])) for r in rings_m], grid, _AREA_BAND_M)
    if not rings_m:
        return edge
    inside = in_tiles(fill(rings_m, grid))
    tile = np.union1d(edge.tile, np.flatnonzero(inside.any(axis=(0, 1))))
    values, line = _nothing(len(tile))
    values[..., np.searchsorted(tile, edge.tile)] = edge.values
    # Inside is to the left of every ring, so positive as yet. Only at sharp corners the side of the
    # nearest edge errs; on the outline itself it alone knows where the inside begins.
    turn = np.abs(values[0]) <= 1e-3
    turn |= (values[0] > 0) == inside[..., tile]
    return FirstOrder(tile, np.where(turn, -values, values), line)


def _nothing(tiles: int) -> tuple[Array, Array]:
    """`values` and `line` of tiles in which there is nothing."""
    values = np.zeros((3, TILE, TILE, tiles), dtype=np.float32)
    values[0] = REACH_M
    return values, np.full((TILE, TILE, tiles), -1)
