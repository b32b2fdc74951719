"""Polygons that the tests of fill and of nearest edges share."""

import numpy as np
import shapely

from sim.geometry.grid import BevGrid

GRID = BevGrid(-40.0, -30.0, 0.5, 161, 122)  # no whole number of tiles


def star_with_hole(seed: int) -> tuple[list[np.ndarray], shapely.Polygon]:
    """Its rings, open, and the same by shapely."""
    rng = np.random.default_rng(seed)
    angle = (np.arange(23) + rng.uniform(0, 0.8, 23)) * (2 * np.pi / 23)
    radius = rng.uniform(14.0, 28.0, 23)
    outer = np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=-1)
    hole = np.array(((-4.1, -3.3), (5.2, -2.7), (3.4, 6.6)))
    return [outer, hole], shapely.Polygon(outer, [hole])


def centers(grid: BevGrid) -> np.ndarray:
    """`[X * Y, 2]`, float64."""
    return grid.cell_centers_m().numpy().reshape(-1, 2).astype(np.float64)
