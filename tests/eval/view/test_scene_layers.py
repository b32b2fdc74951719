"""The layers of a scene before any renderer draws them: which there are, and what is in them."""

import numpy as np
import pytest

from eval.view.palette import colors_of
from eval.view.scene_layers import SceneLayers, point_colors
from eval.view.shapes import Lines, Points
from eval.view.viewed_scene import ViewedScene
from sim.scenario import AgentKind
from sim.sensors.lidar_scene import LidarClass
from tests.eval.view.scenes import drive_record, two_cars

DARK = colors_of("dark")


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
    by_class = point_colors(points, "class", 0.0, DARK)
    assert len(np.unique(by_class[points.agent == 1], axis=0)) == 1
    assert (by_class[points.agent == 1][0] != by_class[points.label == LidarClass.GROUND][0]).any()
    by_height = point_colors(points, "height", 0.0, DARK).astype(int)
    low, high = points.xyz_m[:, 2].argmin(), points.xyz_m[:, 2].argmax()
    assert by_height[high].sum() > by_height[low].sum()
    for color in ("height", "intensity", "class", "instance"):
        assert point_colors(points, color, 0.0, DARK).dtype == np.uint8
    with pytest.raises(ValueError, match="--color: unknown 'red'"):
        SceneLayers(ViewedScene.of(two_cars()), "red")


def test_points_on_the_ground_are_a_layer_of_their_own_faint_and_hidden_at_first() -> None:
    layers = SceneLayers(ViewedScene.of(two_cars()), "instance")
    assert "ground" in layers.available() and "ground" not in layers.shown_at_first()
    drawing = layers.at(3, shown=("points", "ground"))
    (points,), (ground,) = drawing.layers["points"], drawing.layers["ground"]
    assert isinstance(points, Points) and isinstance(ground, Points)
    # There is nothing but the road and the cyclist's box, which is 1.6 m high.
    assert 50 < len(points.xyz_m) < 1000 and points.xyz_m[:, 2].max() == pytest.approx(1.6, abs=0.1)
    assert len(ground.xyz_m) > 10_000 and np.abs(ground.xyz_m[:, 2]).max() < 1e-3
    assert ground.size_px < points.size_px
    away = np.abs(ground.rgb.astype(int) - DARK.background).max()
    assert away < 0.5 * np.abs(points.rgb.astype(int) - DARK.background).max()


def test_a_legend_names_what_is_shown_and_no_more() -> None:
    scenario = two_cars()
    layers = SceneLayers(ViewedScene.of(scenario, drive_record(scenario)), "class", theme="light")
    drawing = layers.at(10, shown=("boxes", "plan"))
    light = colors_of("light")
    kinds = light.kinds[AgentKind.CYCLIST]
    assert drawing.legend == (("ego", light.ego), ("cyclist", kinds), ("plan", light.plan))
    assert drawing.theme == "light" and light.background == (238, 240, 235)
    with pytest.raises(ValueError, match="--theme: unknown 'blue'"):
        SceneLayers(ViewedScene.of(scenario), theme="blue")
