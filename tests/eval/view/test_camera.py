"""The camera: where points fall, worked out by hand; rays and boxes."""

import numpy as np
import pytest

from eval.view.camera import Camera, follow, hit_distance_m


def test_projects_as_by_hand() -> None:
    # 10 m above the origin, looking down, y up: at 90 degrees the picture shows 10 m up and down.
    camera = Camera(np.array((0.0, 0.0, 10.0)), np.zeros(3), np.array((0.0, 1.0, 0.0)), 90.0)
    points = np.array(((0, 0, 0), (10, 0, 0), (0, 10, 0), (-5, -5, 5), (0, 0, 11)), dtype=float)
    pixel, depth = camera.project(points, (400, 200))
    # 100 px for 10 m at a depth of 10 m; the fourth point lies 5 m off at a depth of 5 m.
    assert pixel[:4] == pytest.approx(np.array(((200, 100), (300, 100), (200, 0), (100, 200))))
    assert depth == pytest.approx((10, 10, 10, 5, -1))


def test_a_ray_is_the_inverse_of_the_projection() -> None:
    camera = follow("chase", np.array((3.0, -2.0, 0.5, 0.7)))
    point = np.array((12.0, 6.0, 1.0))
    (pixel,), (depth,) = camera.project(point[None], (640, 480))
    ray = camera.ray(*pixel, (640, 480))
    far = np.linalg.norm(point - camera.eye_m)
    assert camera.eye_m + far * ray == pytest.approx(point, abs=1e-6)
    assert 0 < depth < far


def test_cameras_follow_the_ego() -> None:
    ego = np.array((5.0, 1.0, 2.0, np.pi / 2))  # it looks north
    chase, top = follow("chase", ego), follow("top", ego)
    assert chase.eye_m[1] < 1.0 < chase.target_m[1] and chase.eye_m[2] > 2.0
    pixel, _ = top.project(np.array(((5.0, 1.0, 2.0), (5.0, 9.0, 2.0))), (960, 540))
    assert pixel[1, 1] < pixel[0, 1] and pixel[1, 0] == pytest.approx(pixel[0, 0])  # ahead is up
    with pytest.raises(ValueError, match=r"unknown 'moon' \(choices: chase, top"):
        follow("moon", ego)


def test_a_ray_meets_a_turned_box() -> None:
    # 4 long, 2 wide, turned by 90 degrees at (10, 0): from the origin it begins at x = 9.
    box = (np.array((10.0, 0.0, 0.0)), np.array((4.0, 2.0, 2.0)), np.pi / 2)
    assert hit_distance_m(np.zeros(3), np.array((1.0, 0, 0)), *box) == pytest.approx(9.0)
    assert hit_distance_m(np.zeros(3), np.array((-1.0, 0, 0)), *box) == np.inf
    aside = np.array((10.0, 2.3, 0.0)) / np.hypot(10.0, 2.3)
    assert hit_distance_m(np.zeros(3), aside, *box) == np.inf


def test_a_scale_bar_is_the_longest_round_length_that_fits() -> None:
    # 20 m above the ground, 90 degrees: 100 px up from the middle for 20 m, so 5 px a metre.
    camera = Camera(np.array((0.0, 0.0, 20.0)), np.zeros(3), np.array((0.0, 1.0, 0.0)), 90.0)
    assert camera.scale_bar(np.zeros(3), (400, 200)) == pytest.approx((20.0, 100.0))
    # 4 m off there are 25 px a metre: 5 m are 125 px, 10 m would be more than 160.
    assert camera.scale_bar(np.array((1.0, 0.0, 16.0)), (400, 200)) == pytest.approx((5.0, 125.0))
    assert camera.scale_bar(np.array((0.0, 0.0, 21.0)), (400, 200)) is None
