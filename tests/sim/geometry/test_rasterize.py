"""Cell-centre fill and distance to an outline against shapely's exact polygons."""

import numpy as np
import shapely

from sim.geometry.grid import BevGrid
from sim.geometry.rasterize import distance_to_outline_m, fill

GRID = BevGrid(-40.0, -30.0, 0.5, 160, 120)


def _star_with_hole(seed: int) -> tuple[list[np.ndarray], shapely.Polygon]:
    rng = np.random.default_rng(seed)
    angle = (np.arange(23) + rng.uniform(0, 0.8, 23)) * (2 * np.pi / 23)
    radius = rng.uniform(14.0, 28.0, 23)
    outer = np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=-1)
    hole = np.array(((-4.1, -3.3), (5.2, -2.7), (3.4, 6.6)))
    return [outer, hole], shapely.Polygon(outer, [hole])


def _centers() -> np.ndarray:
    return GRID.cell_centers_m().numpy().reshape(-1, 2).astype(np.float64)


def test_fill_is_the_cell_centre_rule() -> None:
    for seed in range(10):
        rings, polygon = _star_with_hole(seed)
        truth = shapely.contains_xy(polygon, _centers()).reshape(GRID.shape)
        assert truth.any()
        # Centres exactly on an edge may fall either way; none do for random vertices.
        assert (fill(rings, GRID) == truth).all()


def test_distance_is_exact_near_the_outline_and_nearly_so_far_from_it() -> None:
    for seed in range(5):
        rings, polygon = _star_with_hole(seed)
        truth = shapely.distance(polygon.boundary, shapely.points(_centers())).reshape(GRID.shape)
        error = np.abs(distance_to_outline_m(rings, GRID) - truth)
        assert error[truth < 3.0].max() < 1e-4
        assert error.max() < 0.5 * GRID.resolution_m


def test_polygon_partly_off_the_grid() -> None:
    polygon = shapely.box(-100.0, -5.0, 0.0, 200.0)
    ring = np.asarray(polygon.exterior.coords)[:-1]
    truth = shapely.contains_xy(polygon, _centers()).reshape(GRID.shape)
    assert (fill([ring], GRID) == truth).all()
