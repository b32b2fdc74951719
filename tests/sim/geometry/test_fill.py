"""Cell-centre fill against shapely's exact polygons."""

import numpy as np
import shapely

from sim.geometry.fill import fill
from tests.sim.geometry.shapes import GRID, centers, star_with_hole


def test_fill_is_the_cell_centre_rule() -> None:
    for seed in range(10):
        rings, polygon = star_with_hole(seed)
        truth = shapely.contains_xy(polygon, centers(GRID)).reshape(GRID.shape)
        assert truth.any()
        # Centres exactly on an edge may fall either way; none do for random vertices.
        assert (fill(rings, GRID) == truth).all()


def test_polygon_partly_off_the_grid() -> None:
    polygon = shapely.box(-100.0, -5.0, 0.0, 200.0)
    ring = np.asarray(polygon.exterior.coords)[:-1]
    truth = shapely.contains_xy(polygon, centers(GRID)).reshape(GRID.shape)
    assert (fill([ring], GRID) == truth).all()


def test_parity_survives_more_toggles_than_a_byte_counts() -> None:
    # 300 squares one upon the other: 600 toggles in each row, and even-odd says outside; 301: inside.
    square = np.array(((-10.1, -10.1), (10.1, -10.1), (10.1, 10.1), (-10.1, 10.1)))
    assert not fill([square] * 300, GRID).any()
    assert (fill([square] * 301, GRID) == fill([square], GRID)).all()
