"""What is expected if the ego goes or waits, as rows and lines: worked out by hand."""

import numpy as np
import pytest

from eval.view.ground_heights import GroundHeights
from eval.view.palette import colors_of
from eval.view.shapes import Lines
from eval.view.what_if import WhatIfShown
from tests.eval.view.scenes import two_cars

NORTH = np.pi / 2


def _shown() -> WhatIfShown:
    """The first other gives way if the ego goes; the second differs, whatever the ego
    does, the third is nobody."""
    ahead = np.stack((np.arange(1.0, 4.0), np.zeros(3)), axis=-1)
    part = np.zeros((3, 3))
    change, collision, slower = part.copy(), part.copy(), np.zeros((4, 3))
    change[:, 0], change[:, 1], change[0, 2], collision[0, 0] = (0.4, 0.04, 0.04), 0.3, 0.9, 0.03
    slower[:, 0] = (0.25, 0.62, 0.2, 0.2)
    path = np.broadcast_to(ahead + np.array((0.0, 5.0)), (3, 3, 3, 2))
    ways = np.stack((3.0 * ahead, ahead, ahead))
    return WhatIfShown(ways, np.array((0, 1, -1)), path, slower, collision, change)


def test_rows_name_those_to_whom_it_matters() -> None:
    assert _shown().listed() == [0]
    assert _shown().rows() == (
        ("what if the ego", "goes", "waits"),
        ("drawn", "violet", "amber"),
        ("1 slower (alone 25%)", "62%", "20%"),
        ("1 hit", "3%", "0%"),
        ("1 differs", "40%", "4%"),
    )


def test_lines_begin_at_whose_they_are_and_lead_where_the_ego_looks() -> None:
    pose = np.array(((100.0, 50.0, NORTH), (95.0, 50.0, 0.0), (0.0, 0.0, 0.0)))
    colors = colors_of("light")
    shapes = _shown().shapes(pose, GroundHeights(two_cars()), colors)
    found: dict[tuple[int, ...], list[list[float]]] = {}
    for shape in shapes:
        assert isinstance(shape, Lines)
        for rgb, end_m in zip(shape.rgb, shape.end_m, strict=True):
            found.setdefault(tuple(rgb.tolist()), []).append(end_m[:2].tolist())
    # Ahead is north: the ego gets 9 m on if it goes, and 3 m if it waits; the other keeps 5 m to the west.
    for rgb, north_m in ((colors.goes, 59.0), (colors.waits, 53.0)):
        ends = found[rgb]
        assert pytest.approx([100.0, north_m], abs=1e-3) in ends
        assert pytest.approx([95.0, 53.0], abs=1e-3) in ends
