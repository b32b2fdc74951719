"""The nearest edge of every cell against brute force: all edges, all cells."""

import numpy as np
import pytest
import shapely

from sim.geometry.edges import Edges
from sim.geometry.grid import BevGrid
from sim.geometry.nearest import TILE, NearestEdges, nearest_edges
from tests.sim.geometry.shapes import GRID, centers, star_with_hole


def _closed(rings: list[np.ndarray]) -> list[np.ndarray]:
    return [np.concatenate((ring, ring[:1])) for ring in rings]


def _dense(near: NearestEdges, grid: BevGrid) -> tuple[np.ndarray, np.ndarray]:
    """Edge (-1: none) and distance of each cell of the grid."""
    edge, distance = np.full(grid.shape, -1), np.full(grid.shape, np.inf)
    for t, tile in enumerate(near.tile.tolist()):
        i, j = (TILE * k for k in divmod(tile, -(-grid.num_y // TILE)))
        whole = edge[i : i + TILE, j : j + TILE].shape
        edge[i : i + TILE, j : j + TILE] = near.edge[: whole[0], : whole[1], t]
        distance[i : i + TILE, j : j + TILE] = near.distance_m[: whole[0], : whole[1], t]
    return edge, distance


def _brute_force(edges: Edges, grid: BevGrid) -> tuple[np.ndarray, np.ndarray]:
    """Distance of every cell to every edge by shapely: least, and that to each edge `[X, Y, E]`."""
    ends = np.stack((edges.x, edges.y, edges.x + edges.dx, edges.y + edges.dy), axis=-1)
    lines = shapely.linestrings(ends.reshape(-1, 2, 2))
    points = shapely.points(centers(grid))
    each = shapely.distance(points[:, None], lines).reshape(*grid.shape, -1)
    return each.min(axis=-1), each


@pytest.mark.parametrize("band_m", [2.0, 9.0, np.inf])
def test_every_cell_names_its_nearest_edge(band_m: float) -> None:
    for seed in range(2):
        edges, _ = Edges.of_lines(_closed(star_with_hole(seed)[0]), 2.0)
        edge, distance = _dense(nearest_edges(edges, GRID, band_m), GRID)
        truth, each = _brute_force(edges, GRID)
        assert ((edge >= 0) == (truth <= band_m)).all()
        found = edge >= 0
        assert 1000 < found.sum() <= GRID.num_cells
        assert distance[found] == pytest.approx(truth[found], abs=1e-9)
        named = np.take_along_axis(each, edge[..., None].clip(0), axis=-1)[..., 0]
        assert named[found] == pytest.approx(truth[found], abs=1e-9)
        assert np.isinf(distance[~found]).all()


def test_far_from_everything_and_on_a_large_grid() -> None:
    # Edges in one corner, off the grid and on it, of every length; cells up to 300 m away.
    rng = np.random.default_rng(0)
    grid = BevGrid(0.0, 0.0, 1.0, 230, 210)
    start = rng.uniform(-60, 60, (40, 2))
    edges = Edges.between(start, start + rng.normal(0, 1, (40, 2)) * rng.uniform(0, 40, (40, 1)))
    _, distance = _dense(nearest_edges(edges, grid), grid)
    assert distance == pytest.approx(_brute_force(edges, grid)[0], abs=1e-9)


def test_of_edges_equally_near_the_last_counts() -> None:
    # Two edges that meet at (0, 0): behind their corner both are as near.
    corner = np.array(((0.0, 10.0), (0.0, 0.0), (10.0, 0.0)))
    edges, _ = Edges.of_lines([corner, corner], 100.0)
    grid = BevGrid(-8.0, -8.0, 1.0, 8, 8)
    edge, _ = _dense(nearest_edges(edges, grid), grid)
    assert (edge == 3).all()


def test_lines_are_cut_into_short_edges() -> None:
    # 10 m in pieces of at most 4: three of 3.33; the second line is short enough.
    edges, line = Edges.of_lines(
        [np.array(((0.0, 0.0), (10.0, 0.0))), np.array(((0.0, 1.0), (0.0, 4.0)))], 4.0
    )
    assert line.tolist() == [0, 0, 0, 1]
    assert edges.x == pytest.approx((0, 10 / 3, 20 / 3, 0)) and edges.dy.tolist()[3] == 3.0


def test_nothing_near_is_nothing_found() -> None:
    edges = Edges.between(np.array(((500.0, 0.0),)), np.array(((510.0, 0.0),)))
    near = nearest_edges(edges, GRID, 2.0)
    assert len(near.tile) == 0 and near.edge.shape == (TILE, TILE, 0)
