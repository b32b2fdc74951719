"""Planar transforms against homogeneous matrices."""

import math

import torch

from sim.geometry import se2


def _matrix(pose: torch.Tensor) -> torch.Tensor:
    x, y, yaw = pose.tolist()
    c, s = math.cos(yaw), math.sin(yaw)
    return torch.tensor(((c, -s, x), (s, c, y), (0.0, 0.0, 1.0)), dtype=torch.float64)


def _poses() -> torch.Tensor:
    g = torch.Generator().manual_seed(0)
    return 6.0 * torch.rand(2, 3, generator=g, dtype=torch.float64) - 3.0


def test_compose_is_the_matrix_product() -> None:
    a, b = _poses()
    torch.testing.assert_close(_matrix(se2.compose(a, b)), _matrix(a) @ _matrix(b))


def test_inverse_is_the_matrix_inverse() -> None:
    a, _ = _poses()
    torch.testing.assert_close(_matrix(se2.inverse(a)), torch.linalg.inv(_matrix(a)))


def test_transform_points_is_the_matrix_on_points() -> None:
    a, b = _poses()
    point = torch.cat((b[:2], torch.ones(1, dtype=torch.float64)))
    torch.testing.assert_close(se2.transform_points(a, b[:2]), (_matrix(a) @ point)[:2])


def test_wrap_angle_by_hand() -> None:
    angles = torch.tensor((math.pi + 0.1, -math.pi - 0.1, 7.0))
    expected = torch.tensor((-math.pi + 0.1, math.pi - 0.1, 7.0 - 2 * math.pi))
    torch.testing.assert_close(se2.wrap_angle(angles), expected)
