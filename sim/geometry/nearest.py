"""Which edge is nearest to each cell of a grid: exact, tile by tile (numpy, on the CPU).

A tile of cells keeps the edges that may be nearest to one of its points; large tiles are asked first,
then their quarters. Let c
be its middle, h its half diagonal, q the point of the nearest edge at distance D from c, in direction
u. A point c + v of the tile is then at most D + u.v + h^2 / 2D away from q, and at least d' + u'.v
from another edge at distance d' in direction u' (the distance to a segment is convex): that one is
nowhere nearest if d' - D > h |u - u'| + h^2 / 2D, nor if d' - D > 2 h.
"""

import math
from dataclasses import dataclass

import numpy as np

from sim.geometry.edges import Edges, expand_ranges
from sim.geometry.grid import BevGrid

Array = np.ndarray
TILE = 4  # cells along the side of a tile
_LARGEST = 32 * TILE
_AT_ONCE = 2048  # tiles: what is computed for them stays in the cache
_ROUNDING_M = 1e-6


@dataclass(frozen=True)
class NearestEdges:
    """For T tiles (numbers in `grid.coarse(TILE)`, in no order) the edge nearest to each cell.

    `edge` is -1 and `distance_m` infinite where none is within the band. Tiles that are absent have
    no such cell.
    """

    tile: Array  # [T]
    edge: Array  # [TILE, TILE, T]
    distance_m: Array  # [TILE, TILE, T]


def nearest_edges(edges: Edges, grid: BevGrid, band_m: float = math.inf) -> NearestEdges:
    """Edges may lie anywhere; of those equally near the last one counts.

    Within a band edges should be short: what an edge is near to is first asked of its box.
    """
    found = _candidates(edges, grid, band_m)
    # Tiles with the most candidates first: those that have a k-th one are then the first few.
    order = np.argsort(-found.count, kind="stable")
    parts = [order[k : k + _AT_ONCE] for k in range(0, max(len(order), 1), _AT_ONCE)]
    chosen = [_choose(found, part, edges, grid, band_m) for part in parts]
    edge, distance_m = (np.concatenate(values, axis=-1) for values in zip(*chosen, strict=True))
    return NearestEdges(found.tile[order], edge, distance_m)


def centers_m(tile: Array, grid: BevGrid) -> tuple[Array, Array]:
    """Of the cells of T tiles: x of their rows `[TILE, 1, T]`, y of their columns `[1, TILE, T]`."""
    i, j = (k * TILE for k in grid.coarse(TILE).cell(tile))
    within = np.arange(TILE)[:, None]
    x, y = grid.center_m(i + within, j + within)
    return x[:, None], y[None]


@dataclass(frozen=True)
class _Candidates:
    """Tile `tile[k]` has the edges `edge[first[k] : first[k] + count[k]]`, ascending."""

    tile: Array
    first: Array
    count: Array
    edge: Array

    @staticmethod
    def of(tile: Array, edge: Array) -> "_Candidates":
        """From pairs in the order of the tiles."""
        first = np.flatnonzero(np.diff(tile, prepend=-1))
        return _Candidates(tile[first], first, np.diff(first, append=len(tile)), edge)

    def where(self, keep: Array) -> "_Candidates":
        """Some of the pairs."""
        return _Candidates.of(np.repeat(self.tile, self.count)[keep], self.edge[keep])

    def least(self, values: Array) -> Array:
        """For every pair the least value in its tile."""
        least = np.minimum.reduceat(values, self.first) if len(values) else values
        return np.repeat(least, self.count)

    def first_of(self, mask: Array) -> Array:
        """For every pair the first pair of its tile for which `mask` holds (there is one)."""
        (pair,) = np.nonzero(mask)
        return np.repeat(pair[np.searchsorted(pair, self.first)], self.count)


def _candidates(edges: Edges, grid: BevGrid, band_m: float) -> _Candidates:
    """From tiles as large as the band down to the smallest."""
    side = TILE
    while side < _LARGEST and 2 * side * grid.resolution_m <= band_m:
        side *= 2
    pairs = _near_boxes(edges, grid.coarse(side), band_m)
    while side > TILE:
        pairs = _split(_prune(pairs, edges, grid, side, band_m), grid, side)
        side //= 2
    return _prune(pairs, edges, grid, TILE, band_m)


def _near_boxes(edges: Edges, tiles: BevGrid, band_m: float) -> _Candidates:
    """The tiles that each edge's bounding box touches when it is grown by the band."""
    low, high = edges.boxes()
    first, last = tiles.overlap(low - band_m, high + band_m)
    edge, i = expand_ranges(first[:, 0], last[:, 0])
    strip, j = expand_ranges(first[edge, 1], last[edge, 1])
    tile, edge = tiles.flat(i[strip], j), edge[strip]
    order = np.argsort(tile, kind="stable")
    return _Candidates.of(tile[order], edge[order])


def _prune(
    pairs: _Candidates, edges: Edges, grid: BevGrid, side: int, band_m: float
) -> _Candidates:
    """Without the edges that are nearest nowhere in their tile, or beyond the band."""
    tiles = grid.coarse(side)
    half_m = 0.5 * math.sqrt(2.0) * (side - 1) * grid.resolution_m
    x, y = (np.repeat(v, pairs.count) for v in tiles.center_m(*tiles.cell(pairs.tile)))
    distance, gap_x, gap_y, _ = edges.project(pairs.edge, x, y)
    # First the rule that is cheaper to ask.
    reach = np.minimum(pairs.least(distance) + 2.0 * half_m, band_m + half_m)
    near = np.flatnonzero(distance <= reach + _ROUNDING_M)
    pairs, distance = pairs.where(near), distance[near]
    scale = 1.0 / np.maximum(distance, _ROUNDING_M)
    ux, uy, least = gap_x[near] * scale, gap_y[near] * scale, pairs.least(distance)
    nearest = pairs.first_of(distance == least)
    turn = np.sqrt((ux - ux[nearest]) ** 2 + (uy - uy[nearest]) ** 2)
    slack = half_m * turn + 0.5 * half_m**2 / np.maximum(least, _ROUNDING_M)
    return pairs.where(distance <= least + slack + _ROUNDING_M)


def _split(pairs: _Candidates, grid: BevGrid, side: int) -> _Candidates:
    """The quarters of tiles, each with all candidates of its parent."""
    coarse, fine = grid.coarse(side), grid.coarse(side // 2)
    i, j = (2 * k[:, None] for k in coarse.cell(pairs.tile))
    i, j = (i + np.array((0, 0, 1, 1))).ravel(), (j + np.array((0, 1, 0, 1))).ravel()
    inside = np.flatnonzero(fine.holds(i, j))
    tile, parent = fine.flat(i, j)[inside], inside // 4
    order = np.argsort(tile)
    first = pairs.first[parent[order]]
    child, pair = expand_ranges(first, first + pairs.count[parent[order]])
    return _Candidates.of(tile[order[child]], pairs.edge[pair])


def _choose(
    found: _Candidates, some: Array, edges: Edges, grid: BevGrid, band_m: float
) -> tuple[Array, Array]:
    """Edge and distance of each cell of some tiles, which come in the order of falling `count`."""
    first, count = found.first[some], found.count[some]
    x, y = centers_m(found.tile[some], grid)
    distance = np.full((TILE, TILE, len(some)), band_m)
    chosen = np.zeros(distance.shape, dtype=np.int32)  # which candidate, counted from 1
    for k in range(1, count.max(initial=0) + 1):
        have = slice(int(np.searchsorted(-count, -k, side="right")))
        gap, *_ = edges.project(found.edge[first[have] + k - 1], x[..., have], y[..., have])
        nearer = gap <= distance[..., have]
        distance[..., have] = np.minimum(distance[..., have], gap)
        chosen[..., have] = np.maximum(chosen[..., have], nearer * np.int32(k))
    none = chosen == 0
    distance[none] = math.inf
    return np.where(none, -1, found.edge[first + chosen - 1]), distance
