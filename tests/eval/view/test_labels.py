"""Who collides is found as shapely finds it, is named first, and no label lies over it."""

import numpy as np
import pytest
import shapely

from eval.runs.drive_record import DriveRecord
from eval.view.agent_shapes import box_shapes
from eval.view.camera import Camera
from eval.view.labels import shown_labels
from eval.view.option_names import CAMERAS
from eval.view.palette import colors_of
from eval.view.scene_layers import SceneLayers
from eval.view.shapes import Drawing, Lines, box_corners
from eval.view.viewed_scene import ViewedScene
from sim.scenario import AgentKind
from tests.toy import Car, make_scenario, straight

SIZE = (960, 540)


def _crash() -> SceneLayers:
    """The ego at 5 m/s; a turned car 14 m ahead, in the middle of people who stand and look."""
    around = [
        (10.0, 1.9),
        (12.0, 2.4),
        (16.5, 1.0),
        (14.0, -2.6),
        (9.0, -1.8),
        (22.0, 6.0),
        (22.0, -6.0),
    ]
    people = [Car(-1, x, y, size_m=(0.6, 0.6, 1.7), kind=AgentKind.PEDESTRIAN) for x, y in around]
    cars = [Car(0, 0.0, 0.0, speed_mps=5.0), Car(-1, 14.0, 0.8, 0.6), *people]
    scenario = make_scenario([straight(-20, 0, 80, 0)], cars, duration_s=3.0)
    return SceneLayers(ViewedScene.of(scenario, DriveRecord.recorded(scenario)))


def _outline(scene: ViewedScene, instant: int, agent: int) -> shapely.Polygon:
    x, y, yaw = scene.motion.pose[instant, agent]
    corners = box_corners(np.array((x, y, 0.0)), scene.scenario.tracks.size_m[agent], float(yaw))
    return shapely.Polygon(corners[:4, :2])


def test_the_ego_touches_whom_shapely_says() -> None:
    scene = _crash().scene
    for instant in range(scene.num_instants):
        ego = _outline(scene, instant, 0)
        truth = [ego.intersection(_outline(scene, instant, k)).area > 0 for k in range(1, 9)]
        assert scene.touching[instant, 1:].tolist() == truth, instant
        assert scene.touching[instant, 0] == any(truth)
    first = int(scene.touching[:, 1].argmax())
    assert 15 < first < 22 and not scene.hit_by(first - 1)[1] and scene.hit_by(30)[1]
    assert not scene.hit_by(30)[0]
    recording = ViewedScene.of(scene.scenario)  # nobody's drive
    assert not recording.touching.any() and not recording.hit_by(30).any()


def _extent(text: str) -> tuple[float, float]:
    return 7.0 * len(text), 13.0


@pytest.mark.parametrize("kind", CAMERAS)
def test_no_label_lies_over_a_collision_nor_over_another(kind: str) -> None:
    layers = _crash()
    drawing = layers.at(22, shown=("boxes",))
    camera = layers.camera(kind, 22)
    collision = shapely.union_all([_seen(drawing, camera, k) for k in (0, 1)])
    areas = {
        text: shapely.box(x - 3.5 * len(text), y - 13.0, x + 3.5 * len(text), y)
        for _, (x, y), text in shown_labels(drawing, camera, SIZE, _extent)
    }
    assert next(iter(areas)) == "hit: 1 car" and "ego" not in areas and len(areas) > 1
    for text, area in areas.items():
        assert not area.intersects(collision), text
        assert sum(area.intersects(other) for other in areas.values()) == 1, text
    # The name of who was hit stays close to it.
    assert areas["hit: 1 car"].distance(collision) < 20.0


def test_without_a_collision_the_ego_is_named_and_the_place_is_that_of_the_pixel() -> None:
    layers = _crash()
    drawing, camera = layers.at(5, shown=("boxes",)), layers.camera("chase", 5)
    found = list(shown_labels(drawing, camera, SIZE, _extent))
    assert "ego" in [text for *_, text in found]
    for place, pixel, _ in found:
        assert camera.project(place[None], SIZE)[0][0] == pytest.approx(pixel, abs=1e-6)


def test_thick_lines_are_around_whom_the_ego_has_hit() -> None:
    layers, colors = _crash(), colors_of("dark")
    for instant, times in ((5, 0), (22, 12)):
        lines = [s for s in box_shapes(layers.scene, instant, colors) if isinstance(s, Lines)]
        red = [(s.rgb == colors.hit).all(axis=1).sum() for s in lines if s.width_px > 3.0]
        assert sum(red) == times
    legend = dict(layers.at(22, shown=("boxes",)).legend)
    assert legend["hit"] == colors.hit and "hit" not in dict(layers.at(5, shown=("boxes",)).legend)


def _seen(drawing: Drawing, camera: Camera, number: int) -> shapely.Polygon:
    box = drawing.boxes[number]
    pixel, _ = camera.project(box_corners(box.center_m, box.size_m, box.yaw_rad), SIZE)
    return shapely.MultiPoint(pixel).convex_hull
