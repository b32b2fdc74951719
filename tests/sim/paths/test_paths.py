"""Paths: poses on them, projections on them, and where they conflict."""

import math

import numpy as np
import shapely
import torch

from sim.paths.build import build_paths
from sim.paths.paths import Paths
from sim.scenario import LightState, StopKind, StopLine
from tests.toy import Car, make_scenario, straight


def _arc(radius_m: float, angle_rad: float) -> np.ndarray:
    """Counter-clockwise from the origin, heading east."""
    turn = np.arange(0.0, angle_rad * radius_m, 1.0) / radius_m
    return radius_m * np.stack((np.sin(turn), 1 - np.cos(turn)), axis=-1)


def _paths(lines: list[np.ndarray], cars: list[Car], **kwargs) -> Paths:
    return build_paths([make_scenario(lines, cars, **kwargs)])


def test_pose_on_an_arc_is_exact() -> None:
    # Both axles lie on the circle; so the centre lies sqrt(R^2 - (w/2)^2) from its middle, and the
    # heading is that of the chord, which is the tangent at the middle of the chord.
    radius, wheelbase = 12.0, 2.4
    paths = _paths([_arc(radius, 3.0)], [Car(0, 0, 0)])
    s = torch.linspace(3.0, 30.0, 200).reshape(1, -1)
    path = torch.zeros_like(s).long()
    pose = paths.pose_at(path, s, torch.full_like(s, wheelbase))[0].numpy()
    from_middle = np.hypot(pose[:, 0], pose[:, 1] - radius)
    np.testing.assert_allclose(from_middle, math.sqrt(radius**2 - (wheelbase / 2) ** 2), atol=0.01)
    angle = np.arctan2(pose[:, 0], radius - pose[:, 1])
    np.testing.assert_allclose(pose[:, 2], angle, atol=0.01)


def test_projection_agrees_with_shapely() -> None:
    line = _arc(15.0, 2.5)
    paths = _paths([line], [Car(0, 0, 0)])
    rng = np.random.default_rng(0)
    s_true = rng.uniform(4.0, 30.0, 100)
    yaw = s_true / 15.0
    side = rng.uniform(-3.0, 3.0, 100)
    points = 15.0 * np.stack((np.sin(yaw), 1 - np.cos(yaw)), -1)
    points += side[:, None] * np.stack((-np.sin(yaw), np.cos(yaw)), -1)
    guess = torch.tensor(s_true + rng.uniform(-2, 2, 100)).float().reshape(1, -1)
    s, offset, _ = paths.project(
        torch.zeros(1, 100).long(), guess, *torch.tensor(points.T).float().unsqueeze(1)
    )
    truth = shapely.line_locate_point(shapely.LineString(line), shapely.points(points))
    np.testing.assert_allclose(s[0], truth, atol=0.1)
    np.testing.assert_allclose(offset[0], side, atol=0.05)


def test_cruise_speed_brakes_for_a_curve_in_time() -> None:
    # A curve of radius 10 m allows sqrt(2.0 * 10) = 4.5 m/s; 20 m before it, with 1.2 m/s^2,
    # sqrt(20 + 2 * 1.2 * 20) = 8.2 m/s.
    arc = _arc(10.0, 1.5)
    line = np.concatenate((straight(-60, 0, -1, 0), arc))
    paths = _paths([line], [Car(0, -50, 0)], limit_mps=15.0)
    cruise = paths.cruise_mps[0, 0]
    assert abs(cruise[68] - 4.5) < 0.2
    assert abs(cruise[40] - 8.2) < 0.6
    assert cruise[0] > 11


def test_ego_route_shows_the_red_line_where_it_is() -> None:
    light = np.full((1, 11), LightState.RED)
    stop = StopLine(np.array(((20.0, -2.0), (20.0, 2.0))), StopKind.SIGNAL, (0,), light=0)
    paths = _paths(
        [straight(-50, 0, 80, 0)], [Car(0, 0, 0)], duration_s=1.0, stop_lines=[stop],
        light_state=light,
    )  # fmt: skip
    state = torch.tensor([[int(LightState.RED)]])
    pose, speed, length = torch.tensor([[3.0, 0.5, 0.1]]), torch.ones(1), torch.full((1,), 4.0)
    own = paths.agent_path[:, 0]
    route = paths.ego_route(own, pose, speed, length, state, 10, 60)
    # 17 m along the line from the ego's place to the stop line.
    torch.testing.assert_close(route.stop_s_m - route.ego_s_m, torch.tensor([17.0]))
    k = int(route.ego_s_m.round())
    # The route's point beside the ego is 0.5 m to the ego's right (the ego is left of it).
    assert abs(float(route.pose[0, k, 1]) + 0.5) < 0.1
    green = paths.ego_route(
        own, pose, speed, length, torch.tensor([[int(LightState.GREEN)]]), 10, 60
    )
    assert torch.isinf(green.stop_s_m).all()
    past = torch.tensor([[19.0, 0.0, 0.0]])
    assert torch.isinf(paths.ego_route(own, past, speed, length, state, 10, 60).stop_s_m).all()
