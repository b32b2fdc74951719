"""The layers of a scene before any renderer draws them: which there are, and what is in them."""

import numpy as np
import pytest

from eval.view.scene_layers import SceneLayers, point_colors
from eval.view.shapes import Lines, Points
from eval.view.viewed_scene import ViewedScene
from sim.sensors.lidar_scene import LidarClass
from tests.eval.view.scenes import drive_record, two_cars


def test_a_drive_has_all_layers_and_each_holds_something() -> None:
    scenario = two_cars()
    layers = SceneLayers(ViewedScene.of(scenario, drive_record(scenario)), "class")
    drawing = layers.at(10, shown=layers.available())
    shown = {"plan", "candidates", "forecast", "occupancy", "future", "trails", "points", "boxes"}
    shown |= {"perceived"}
    assert set(layers.available()) >= shown
    for layer in shown:
        assert drawing.layers[layer], layer
    assert [box.label for box in drawing.boxes] == ["ego", "1 car"]
    assert drawing.boxes[0].values["speed"] == "5.00 m/s"
    assert int(drawing.boxes[1].values["points"]) > 50
    # The candidate leads from the ego, which is at 5 m, to 2 m ahead of it.
    (line,) = drawing.layers["candidates"]
    assert isinstance(line, Lines) and line.start_m[0] == pytest.approx((5.0, 0.0, 0.1), abs=0.02)
    assert line.end_m[0] == pytest.approx((7.0, 0.0, 0.1), abs=0.02)
    # Perceived 7.5 m ahead of it, at (12.5, 4), as 4 m by 2 m, and turned by 0.5 rad.
    (outline,) = drawing.layers["perceived"]
    assert isinstance(outline, Lines) and len(outline.start_m) == 12
    x = 12.5 + 2.0 * np.cos(0.5) + 1.0 * np.sin(0.5)
    assert outline.start_m[:, 0].max() == pytest.approx(x, abs=1e-4)
    only = layers.at(10, shown=("boxes",))
    assert set(only.layers) == {"boxes"}


def test_points_are_coloured_as_asked() -> None:
    points = ViewedScene.of(two_cars()).points.at(0)
    assert points is not None
    by_class = point_colors(points, "class", 0.0)
    assert len(np.unique(by_class[points.agent == 1], axis=0)) == 1
    assert (by_class[points.agent == 1][0] != by_class[points.label == LidarClass.GROUND][0]).any()
    by_height = point_colors(points, "height", 0.0).astype(int)
    low, high = points.xyz_m[:, 2].argmin(), points.xyz_m[:, 2].argmax()
    assert by_height[high].sum() > by_height[low].sum()
    for color in ("height", "intensity", "class", "instance"):
        assert point_colors(points, color, 0.0).dtype == np.uint8
    with pytest.raises(ValueError, match="--color: unknown 'red'"):
        SceneLayers(ViewedScene.of(two_cars()), "red")


def test_points_reach_the_drawing() -> None:
    layers = SceneLayers(ViewedScene.of(two_cars()), "instance")
    (points,) = layers.at(3).layers["points"]
    assert isinstance(points, Points) and len(points.xyz_m) > 10_000
