"""Polylines against shapely's linear referencing."""

import numpy as np
import shapely

from sim.geometry import polyline


def _wiggle() -> np.ndarray:
    x = np.linspace(0, 50, 40)
    return np.stack((x, 5 * np.sin(x / 7)), axis=-1)


def test_projection_agrees_with_shapely() -> None:
    line = _wiggle()
    query = np.random.default_rng(0).uniform((0, -8), (50, 8), (200, 2))
    s, offset = polyline.project(line, query)
    truth = shapely.LineString(line)
    np.testing.assert_allclose(s, shapely.line_locate_point(truth, shapely.points(query)))
    np.testing.assert_allclose(np.abs(offset), shapely.distance(truth, shapely.points(query)))


def test_offset_is_positive_to_the_left() -> None:
    line = np.array(((0.0, 0.0), (10.0, 0.0)))
    _, offset = polyline.project(line, np.array(((5.0, 2.0), (5.0, -3.0))))
    np.testing.assert_allclose(offset, (2.0, -3.0))
    np.testing.assert_allclose(polyline.offset(line, 1.5)[:, 1], 1.5)


def test_resample_keeps_spacing_and_ends() -> None:
    line = polyline.resample(_wiggle(), 1.0)
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    assert np.all(steps[:-1] > 0.98) and np.all(steps[:-1] <= 1.0 + 1e-9)
    np.testing.assert_allclose(line[[0, -1]], _wiggle()[[0, -1]], atol=0.3)
