"""Cells of a planner's grid in the world, worked out by hand."""

import numpy as np
import pytest

from eval.view.ground_heights import GroundHeights
from eval.view.planner_shapes import cell_shapes
from eval.view.shapes import Mesh
from sim.geometry.grid import BevGrid
from tests.eval.view.scenes import two_cars


def test_cells_are_where_the_grid_says() -> None:
    heights = GroundHeights(two_cars())
    cells = np.zeros((2, 40, 40))
    cells[1, 30, 25] = 0.9
    grid = BevGrid(-20.0, -20.0, 1.0, 40, 40)
    ego = np.array((100.0, 50.0, np.pi / 2))
    (mesh,) = cell_shapes(cells, grid, ego, heights)
    # Cell (30, 25) covers x 10 to 11, y 5 to 6 in the ego's frame; the ego looks north.
    assert isinstance(mesh, Mesh)
    assert mesh.vertex_m[:, 0].min() == pytest.approx(94.0, abs=1e-4)
    assert mesh.vertex_m[:, 0].max() == pytest.approx(95.0, abs=1e-4)
    assert mesh.vertex_m[:, 1].min() == pytest.approx(60.0, abs=1e-4)
    assert mesh.vertex_m[:, 1].max() == pytest.approx(61.0, abs=1e-4)
    assert cell_shapes(np.zeros((2, 40, 40)), grid, ego, heights) == []
