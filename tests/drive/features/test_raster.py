"""Images of scenes whose every cell can be worked out by hand."""

import pytest
import torch

from drive.features.example import ExampleSpec, make_examples
from drive.features.raster import CHANNELS, scene_raster, splat
from drive.features.vectors import vector_scene
from sim.geometry.grid import BevGrid
from tests.drive.scenes import SPEC, toy_scenario

GRID = BevGrid(-20.0, -10.0, 0.5, 140, 40)


def _image(spec: ExampleSpec = SPEC) -> torch.Tensor:
    """After 1 s: a car 16 m ahead (6 m/s), one on foot at (-5, -5), one that comes at (42, 4)."""
    scene = vector_scene(next(make_examples([toy_scenario()], spec)).observation)
    return scene_raster(scene, GRID)[0]


def _at(image: torch.Tensor, channel: str, x_m: float, y_m: float) -> float:
    i, j = GRID.cells(x_m, y_m)
    return float(image[CHANNELS.index(channel), int(i), int(j)])


def test_a_cell_holds_the_mean_of_its_points() -> None:
    grid = BevGrid(0.0, 0.0, 1.0, 2, 3)
    point = torch.tensor([[[0.2, 1.5], [0.9, 1.1], [1.5, 0.5], [5.0, 0.0], [1.0, 2.0], [0.1, 0.1]]])
    feature = torch.tensor([[[2.0], [4.0], [7.0], [9.0], [-1.0], [torch.nan]]])
    valid = torch.tensor([[True, True, True, True, True, False]])
    # Two in (0, 1); one in (1, 0); one is off the grid; one on the corner of (1, 2); one is not there.
    expected = [[0.0, 3.0, 0.0], [7.0, 0.0, -1.0]]
    assert splat(point, feature, valid, grid)[0, :, :, 0].tolist() == expected
    twice = splat(point.repeat(2, 1, 1), feature.repeat(2, 1, 1), valid.repeat(2, 1), grid)
    assert twice[1, :, :, 0].tolist() == expected


def test_boxes_are_where_they_are_and_were() -> None:
    image = _image()
    # 4 x 2 m: the cells within 2 m along and 1 m across.
    agent = image[CHANNELS.index("agent")]
    i, j = GRID.cells(16.0, 0.0)
    around = agent[int(i) - 6 : int(i) + 6, int(j) - 4 : int(j) + 4]
    expected = torch.zeros(12, 8)
    expected[2:10, 2:6] = 1.0
    torch.testing.assert_close(around, expected)
    assert _at(image, "ego", 0.3, 0.3) == 1.0
    assert _at(image, "ego", 16.3, 0.3) == 0.0
    assert _at(image, "kind_2", -4.9, -4.9) == 1.0  # on foot
    assert _at(image, "kind_0", 16.3, 0.3) == 1.0
    assert _at(image, "velocity_x", 16.3, 0.3) == pytest.approx(0.6, abs=1e-4)  # over 10 m/s
    assert _at(image, "velocity_x", 42.2, 4.2) == pytest.approx(-0.8, abs=1e-4)
    # Half a second ago it was 3 m back, a second ago 6 m.
    front = {name: _at(image, name, 17.9, 0.3) for name in ("agent", "agent@-0.5s", "agent@-1s")}
    assert front == {"agent": 1.0, "agent@-0.5s": 0.0, "agent@-1s": 0.0}
    assert _at(image, "agent@-0.5s", 14.9, 0.3) == 1.0
    assert _at(image, "agent@-1s", 8.1, 0.3) == 1.0


def test_lines_carry_their_direction_and_rules() -> None:
    image = _image()
    for name, own, oncoming, beside in (
        ("lane", 1.0, 1.0, 0.0),
        ("cos", 1.0, -1.0, 0.0),
        ("speed_limit", 1.0, 1.0, 0.0),  # 10 m/s
        ("on_route", 1.0, 0.0, 0.0),
        ("route", 1.0, 0.0, 0.0),
        ("light_3", 0.0, 0.0, 0.0),
        ("connector", 0.0, 0.0, 0.0),
    ):
        told = [_at(image, name, 10.2, y) for y in (0.1, 4.1, 2.1)]
        assert told == pytest.approx([own, oncoming, beside], abs=1e-4), name


def test_padding_draws_nothing() -> None:
    torch.testing.assert_close(_image(ExampleSpec(num_agents=9)), _image())
