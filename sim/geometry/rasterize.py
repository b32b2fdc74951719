"""Polygons to cells on the CPU (numpy): exact cell-centre fill and exact distance to an outline."""

import numpy as np

from sim.geometry.grid import BevGrid

Array = np.ndarray


def fill(rings_m: list[Array], grid: BevGrid) -> Array:
    """Which cell centres lie inside the rings `[V, 2]`, by the even-odd rule: bool `[X, Y]`.

    Holes and separate polygons are simply further rings. Every edge toggles the parity of the cells
    beyond it in each row of the grid that it crosses.
    """
    start = np.concatenate(rings_m)
    end = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings_m])
    low, high = np.minimum(start[:, 0], end[:, 0]), np.maximum(start[:, 0], end[:, 0])
    # Rows i whose centre lies in [low, high).
    first = np.ceil((low - grid.x_min_m) / grid.resolution_m - 0.5).astype(int).clip(0, grid.num_x)
    last = np.ceil((high - grid.x_min_m) / grid.resolution_m - 0.5).astype(int).clip(0, grid.num_x)
    edge, row = _expand_ranges(first, last)
    x = grid.x_min_m + (row + 0.5) * grid.resolution_m
    t = (x - start[edge, 0]) / (end[edge, 0] - start[edge, 0])
    y = start[edge, 1] + t * (end[edge, 1] - start[edge, 1])
    column = np.ceil((y - grid.y_min_m) / grid.resolution_m - 0.5).astype(int)
    toggles = np.zeros((grid.num_x, grid.num_y + 1), dtype=np.int32)
    np.add.at(toggles, (row, column.clip(0, grid.num_y)), 1)
    return (np.cumsum(toggles, axis=1)[:, :-1] & 1).astype(bool)


def distance_to_outline_m(rings_m: list[Array], grid: BevGrid, band_m: float = 3.0) -> Array:
    """Unsigned distance of each cell centre to the nearest edge of the rings, float32 `[X, Y]`.

    Rings may lie off the grid. Exact within `band_m`; beyond, right to a fraction of a cell.
    """
    from scipy.spatial import KDTree

    start, end = short_edges([np.concatenate((ring, ring[:1])) for ring in rings_m], 2.0)
    nearest, distance = _nearest(start, end, grid, band_m)
    far = np.flatnonzero(distance > band_m)
    if len(far):
        centers = _centers(grid, far)
        _, edge = KDTree(0.5 * (start + end), leafsize=40).query(centers)
        nearest[far] = edge
        distance[far] = _distance_to_edges(centers, start[edge], end[edge])
        _ask_neighbors(distance, nearest, start, end, grid)
    return distance.reshape(grid.shape)


def nearest_edge(start_m: Array, end_m: Array, grid: BevGrid, band_m: float) -> tuple[Array, Array]:
    """The edge nearest to each cell centre within `band_m`: index and distance, `[X, Y]`.

    -1 and infinity where there is none. Edges should be short: `short_edges`.
    """
    nearest, distance = _nearest(start_m, end_m, grid, band_m)
    none = distance > band_m
    nearest[none], distance[none] = -1, np.inf
    return nearest.reshape(grid.shape), distance.reshape(grid.shape)


def short_edges(lines_m: list[Array], longest_m: float = 4.0) -> tuple[Array, Array]:
    """The lines' edges, cut into pieces no longer than `longest_m`, so that their boxes are tight."""
    start = np.concatenate([line[:-1] for line in lines_m]).astype(np.float64)
    end = np.concatenate([line[1:] for line in lines_m]).astype(np.float64)
    pieces = np.maximum(1, np.ceil(np.linalg.norm(end - start, axis=1) / longest_m)).astype(int)
    edge, k = _expand_ranges(np.zeros_like(pieces), pieces)
    step = (end - start)[edge] / pieces[edge, None]
    return start[edge] + k[:, None] * step, start[edge] + (k[:, None] + 1) * step


def _nearest(start: Array, end: Array, grid: BevGrid, band_m: float) -> tuple[Array, Array]:
    """As `nearest_edge`, flat, and a little beyond the band."""
    cell, edge = _cells_near_edges(start, end, grid, band_m)
    gap = _distance_to_edges(_centers(grid, cell), start[edge], end[edge])
    nearest = np.full(grid.num_x * grid.num_y, -1, dtype=np.int64)
    order = np.argsort(-gap, kind="stable")  # the last write, the smallest gap, stays
    nearest[cell[order]] = edge[order]
    distance = np.full(grid.num_x * grid.num_y, np.inf, dtype=np.float32)
    distance[cell[order]] = gap[order]
    return nearest, distance


def _ask_neighbors(
    distance: Array, nearest: Array, start: Array, end: Array, grid: BevGrid
) -> None:
    """Where a neighbouring cell names another edge, take it if it is nearer (in place).

    The edge with the nearest middle is not always the nearest edge: wrong by up to a fraction of a
    cell along the middle between two edges, where neighbours disagree.
    """
    cells = np.arange(grid.num_x * grid.num_y).reshape(grid.shape)
    low, high = slice(None, -1), slice(1, None)
    pairs = [(cells[low], cells[high]), (cells[:, low], cells[:, high])]
    for mine, other in [*pairs, *((b, a) for a, b in pairs)]:
        differ = nearest[mine] != nearest[other]
        cell, edge = mine[differ], nearest[other[differ]]
        gap = _distance_to_edges(_centers(grid, cell), start[edge], end[edge])
        nearer = gap < distance[cell]
        distance[cell[nearer]] = gap[nearer]
        nearest[cell[nearer]] = edge[nearer]


def _expand_ranges(first: Array, last: Array) -> tuple[Array, Array]:
    """All pairs (k, v) with first[k] <= v < last[k], flattened."""
    count = np.maximum(last - first, 0)
    owner = np.repeat(np.arange(len(count)), count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return owner, first[owner] + within


def _cells_near_edges(
    start: Array, end: Array, grid: BevGrid, band_m: float
) -> tuple[Array, Array]:
    """Flat cell indices in each edge's bounding box grown by `band_m`, and the edge of each."""
    low = np.array((grid.x_min_m, grid.y_min_m))
    limit = np.array(grid.shape)
    first = np.floor((np.minimum(start, end) - band_m - low) / grid.resolution_m).astype(int)
    last = np.ceil((np.maximum(start, end) + band_m - low) / grid.resolution_m).astype(int)
    first, last = first.clip(0, limit), last.clip(0, limit)
    edge, i = _expand_ranges(first[:, 0], last[:, 0])
    strip, j = _expand_ranges(first[edge, 1], last[edge, 1])
    return i[strip] * grid.num_y + j, edge[strip]


def _centers(grid: BevGrid, cell: Array) -> Array:
    i, j = np.divmod(cell, grid.num_y)
    low = np.array((grid.x_min_m, grid.y_min_m))
    return low + (np.stack((i, j), axis=-1) + 0.5) * grid.resolution_m


def _distance_to_edges(points: Array, start: Array, end: Array) -> Array:
    delta = end - start
    length_sq = np.maximum((delta**2).sum(-1), 1e-12)
    t = (((points - start) * delta).sum(-1) / length_sq).clip(0.0, 1.0)
    return np.linalg.norm(points - start - t[:, None] * delta, axis=-1)
