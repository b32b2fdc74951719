"""Which cells of a grid lie in a polygon (numpy, on the CPU)."""

import numpy as np

from sim.geometry.edges import expand_ranges
from sim.geometry.grid import BevGrid

Array = np.ndarray


def fill(rings_m: list[Array], grid: BevGrid) -> Array:
    """Which cell centres lie inside the rings `[V, 2]`, by the even-odd rule: bool `[X, Y]`.

    Holes and separate polygons are simply further rings. Every edge toggles the parity of the cells
    beyond it in each row of the grid that it crosses.
    """
    start = np.concatenate(rings_m)
    end = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings_m])
    (i, j), (i_end, j_end) = (grid.cells(*points.T) for points in (start, end))
    # Rows whose centre lies in [low, high).
    first = np.ceil(np.minimum(i, i_end) - 0.5).astype(int).clip(0, grid.num_x)
    last = np.ceil(np.maximum(i, i_end) - 0.5).astype(int).clip(0, grid.num_x)
    edge, row = expand_ranges(first, last)
    along = (row + 0.5 - i[edge]) / (i_end - i)[edge]
    crossing = j[edge] + along * (j_end - j)[edge]
    column = np.ceil(crossing - 0.5).astype(int).clip(0, grid.num_y)
    toggles = np.zeros((grid.num_x, grid.num_y + 1), dtype=np.int8)
    np.add.at(toggles, (row, column), 1)  # an overflow keeps the parity, here and in the sum
    return (np.cumsum(toggles[:, :-1], axis=1, dtype=np.int8) & 1).astype(bool)
