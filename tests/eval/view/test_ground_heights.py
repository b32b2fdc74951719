"""Flat things on the ground: areas against shapely, heights against the grid they come from."""

from dataclasses import replace

import numpy as np
import pytest
import shapely

from eval.view.ground_heights import GroundHeights, triangulate
from sim.scenario import GroundHeight, Scenario
from tests.toy import Car, make_scenario, straight

RING = np.array(((0, 0), (12, 0), (12, 9), (6, 4), (0, 9)), dtype=float)
HOLE = np.array(((2, 1), (4, 1), (4, 3), (2, 3)), dtype=float)


def _areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = points[triangles].transpose(1, 0, 2)
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    return 0.5 * np.abs(ux * vy - uy * vx)


def test_triangles_cover_the_polygon_and_not_its_hole() -> None:
    polygon = shapely.Polygon(RING, [HOLE])
    points, triangles = triangulate(RING, (HOLE,))
    pieces = shapely.polygons(points[triangles])
    assert _areas(points, triangles).sum() == pytest.approx(polygon.area)
    assert shapely.union_all(pieces).symmetric_difference(polygon).area == pytest.approx(
        0, abs=1e-9
    )
    assert len(triangulate(RING[:2])[1]) == 0


def _hilly() -> Scenario:
    scenario = make_scenario([straight(0, 0, 50, 0)], [Car(0, 0.0, 0.0)])
    x, y = np.meshgrid(np.arange(0, 61, 1.0), np.arange(-30, 31, 1.0), indexing="ij")
    ground = GroundHeight(np.array((0.0, -30.0)), 1.0, (0.02 * x**2 + 0.1 * y).astype(np.float32))
    return replace(scenario, map=replace(scenario.map, ground=ground))


def test_what_lies_on_uneven_ground_follows_it() -> None:
    heights = GroundHeights(_hilly())
    big = np.array(((2, -20), (58, -20), (58, 20), (2, 20)), dtype=float)
    points, triangles = triangulate(big)
    vertices, pieces = heights.drape(points, triangles, 0.5)
    x, y, z = vertices.T
    # Between whole metres the grid is two flat triangles: at most 0.02 / 4 above the parabola.
    assert z - 0.5 == pytest.approx(0.02 * x**2 + 0.1 * y, abs=0.006)
    edges = np.roll(vertices[pieces][..., :2], -1, axis=1) - vertices[pieces][..., :2]
    assert np.linalg.norm(edges, axis=-1).max() <= 6.0
    assert _areas(vertices[:, :2].astype(float), pieces).sum() == pytest.approx(56 * 40, rel=1e-5)


def test_flat_ground_is_zero_and_is_not_split() -> None:
    heights = GroundHeights(make_scenario([straight(0, 0, 50, 0)], [Car(0, 0.0, 0.0)]))
    points, triangles = triangulate(RING)
    vertices, pieces = heights.drape(points, triangles, 0.1)
    assert len(pieces) == len(triangles) and vertices[:, 2] == pytest.approx(0.1)
