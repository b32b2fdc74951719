"""`LaneCells`: which lanes hold a point, exactly, by what of their outlines passes its cell."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.geometry.edges import expand_ranges
from sim.geometry.fill import fill
from sim.geometry.grid import BevGrid, BevGrids

CELL_M = 4.0
_TOUCH_M = 1e-3


@dataclass(frozen=True)
class LaneCells:
    """The lanes of M maps, cut into pieces: what of a lane there is in a cell of 4 m.

    Cell c has the pieces `first[c]` to `first[c] + count[c]`, at most `most`. A piece knows whether
    its lane holds the centre of the cell, and E edges of the lane's outline that pass the cell (from x, y
    to x, y, seen from the centre; padding: zeros).
    """

    most: int
    num_lanes: int
    cells: BevGrids
    first: Int[Tensor, " c"]
    count: Int[Tensor, " c"]
    lane: Int[Tensor, " p"]
    holds_center: Bool[Tensor, " p"]
    edges_m: Float[Tensor, "p e 4"]

    @staticmethod
    def of(grids: list[BevGrid], outlines_m: list[list[np.ndarray]]) -> "LaneCells":
        """From the outlines of each map's lanes: rings of vertices, the first not repeated."""
        cells = BevGrids.of(grids)
        cut = [_cut(grid, rings) for grid, rings in zip(grids, outlines_m, strict=True)]
        cell, lane, holds, edges = (list(part) for part in zip(*cut, strict=True))
        numbered = [own + first for own, first in zip(cell, cells.first.tolist(), strict=True)]
        total = sum(grid.num_cells for grid in grids)
        count = np.bincount(np.concatenate(numbered), minlength=total)
        most_edges = max(one.shape[1] for one in edges)
        padded = [np.pad(e, ((0, 0), (0, most_edges - e.shape[1]), (0, 0))) for e in edges]
        nothing = np.zeros((1, most_edges, 4), dtype=np.float32)  # the last piece: padding
        return LaneCells(
            most=max(1, int(count.max())),
            num_lanes=max(1, *map(len, outlines_m)),
            cells=cells,
            first=torch.from_numpy(np.cumsum(count) - count),
            count=torch.from_numpy(count),
            lane=torch.from_numpy(np.concatenate([*lane, np.zeros(1, dtype=np.int64)])),
            holds_center=torch.from_numpy(np.concatenate([*holds, np.zeros(1, dtype=bool)])),
            edges_m=torch.from_numpy(np.concatenate([*padded, nothing])),
        )

    def hold(
        self, points_m: Float[Tensor, "b *p 2"], row: Int[Tensor, " b"]
    ) -> Bool[Tensor, "b *p k"]:
        """Which lanes each point lies in (even-odd rule); world b asks map `row[b]`.

        From the cell's centre, whose lanes are known, to the point, first along x and then along y:
        every edge on the way leads into its lane or out of it.
        """
        place_x, place_y = self.cells.cells(points_m[..., 0], points_m[..., 1], row)
        i, j = torch.floor(place_x), torch.floor(place_y)
        on_map = self.cells.holds(i, j, row)
        whole_i, whole_j = (torch.where(on_map, cell, 0.0).int() for cell in (i, j))
        flat = self.cells.flat(whole_i, whole_j, row)
        number = torch.arange(self.most, device=flat.device)
        there = on_map.unsqueeze(-1) & (number < self.count[flat].unsqueeze(-1))
        piece = torch.where(there, self.first[flat].unsqueeze(-1) + number, len(self.lane) - 1)
        x0, y0, x1, y1 = self.edges_m[piece].unbind(-1)
        x, y = (
            ((place - cell - 0.5) * self.cells.resolution_m)[..., None, None]
            for place, cell in ((place_x, i), (place_y, j))
        )
        along_x = _crosses(y0, x0, y1, x1, torch.zeros_like(x), x)
        along_y = _crosses(x0, y0, x1, y1, x, y)
        turns = along_x.sum(dim=-1) + along_y.sum(dim=-1)
        inside = there & (self.holds_center[piece] ^ (turns % 2 == 1))
        lanes = torch.zeros(*flat.shape, self.num_lanes, dtype=torch.uint8, device=flat.device)
        # Pieces of padding are not inside: they add nothing to lane 0.
        return lanes.scatter_add(-1, self.lane[piece], inside.to(torch.uint8)) > 0


def _crosses(
    u0: Tensor, v0: Tensor, u1: Tensor, v1: Tensor, u: Tensor, v: Tensor
) -> Bool[Tensor, "*p s e"]:
    """Which edges cross the way at `u` from v = 0 to `v`; an edge holds its lower end, not its upper."""
    span = torch.where(u1 == u0, 1.0, u1 - u0)
    at = v0 + (u - u0) / span * (v1 - v0)
    return ((u0 > u) != (u1 > u)) & ((at > 0.0) != (at > v))


def _cut(
    grid: BevGrid, rings_m: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The pieces of one map by cell: cell, lane, whether it holds the centre, edges `[P, E, 4]`."""
    held = [np.flatnonzero(fill([ring], grid)) for ring in rings_m]
    of_lane = np.repeat(np.arange(len(rings_m)), [len(ring) for ring in rings_m])
    start = np.concatenate([np.zeros((0, 2)), *rings_m])
    end = np.concatenate([np.zeros((0, 2)), *(np.roll(ring, -1, axis=0) for ring in rings_m)])
    edge, cell = _passed(grid, start, end)
    # A piece is a pair (cell, lane), numbered in the order of the cells.
    most = max(len(rings_m), 1)
    center_key = np.concatenate(
        [np.zeros(0, dtype=int), *(cells * most + k for k, cells in enumerate(held))]
    )
    edge_key = cell * most + of_lane[edge]
    keys = np.unique(np.concatenate((center_key, edge_key)))
    piece = np.searchsorted(keys, edge_key)
    order = np.argsort(piece, kind="stable")
    edge, cell, piece = edge[order], cell[order], piece[order]
    slot = np.arange(len(piece)) - np.searchsorted(piece, piece)
    edges = np.zeros((len(keys), int(slot.max(initial=0)) + 1, 4), dtype=np.float32)
    center = np.stack(grid.center_m(*grid.cell(cell)), axis=-1)
    edges[piece, slot] = np.concatenate((start[edge] - center, end[edge] - center), axis=1)
    return keys // most, keys % most, np.isin(keys, center_key), edges


def _passed(grid: BevGrid, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every pair of an edge and a cell that it passes, or touches: numbers of both."""
    margin = np.full(2, _TOUCH_M)
    first, last = grid.overlap(np.minimum(start, end) - margin, np.maximum(start, end) + margin)
    edge, i = expand_ranges(first[:, 0], last[:, 0])
    pair, j = expand_ranges(first[edge, 1], last[edge, 1])
    edge, i = edge[pair], i[pair]
    center = np.stack(grid.center_m(i, j), axis=-1)
    along = end[edge] - start[edge]
    normal = np.stack((-along[:, 1], along[:, 0]), axis=-1)
    off = np.abs(((center - start[edge]) * normal).sum(axis=1))
    reach = np.abs(normal).sum(axis=1) * (0.5 * grid.resolution_m + _TOUCH_M)
    passes = off <= reach
    return edge[passes], grid.flat(i, j)[passes]
