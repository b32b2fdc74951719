"""Boxes against shapely."""

import math

import numpy as np
import pytest
import shapely
import torch

from sim.geometry import box


def _random_boxes(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    position = 12.0 * torch.rand(count, 2, generator=g) - 6.0
    yaw = 2 * math.pi * torch.rand(count, 1, generator=g)
    size = torch.rand(count, 2, generator=g) * torch.tensor((8.0, 2.0)) + 0.5
    return torch.cat((position, yaw), dim=1), size


def _polygons(pose: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Built from scratch, so that `box.corners` is tested as well."""
    along, across = (np.array((1, -1, -1, 1)) * size[:, :1], np.array((1, 1, -1, -1)) * size[:, 1:])
    x, y, yaw = (pose[:, k, None] for k in range(3))
    cos, sin = np.cos(yaw), np.sin(yaw)
    corners = (
        x + 0.5 * (cos * along - sin * across),
        y + 0.5 * (sin * along + cos * across),
    )
    return shapely.polygons(np.stack(corners, axis=-1))


def _pairs(rng: np.random.Generator, case: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pose `[2, N, 3]` and size `[2, N, 2]` of pairs of boxes, up to 300 m from the origin."""
    size = rng.uniform((0.5, 0.5), (8.0, 2.5), (2, count, 2))
    turn = rng.uniform(-np.pi, np.pi, count)
    apart = rng.uniform(-6.0, 6.0, (count, 2))  # of b in a's frame
    if case == "thin":
        size[..., 1] = rng.uniform(0.01, 0.05, (2, count))
        apart *= 0.5
    if case == "nested":
        size[1] = size[0] * rng.uniform(0.05, 0.3, (count, 1))
        apart = size[0] * rng.uniform(-0.2, 0.2, (count, 2))
    if case in ("aligned", "touching"):
        turn[: count // 2] = rng.integers(-2, 3, count // 2) * (np.pi / 2)
    if case == "touching":  # b's foremost corner or side on a's front, give or take a little
        reach = np.abs(np.cos(turn)) * size[1, :, 0] + np.abs(np.sin(turn)) * size[1, :, 1]
        gap = rng.choice((-1e-3, -2e-4, 0.0, 2e-4, 1e-3), count)
        apart[:, 0] = 0.5 * (size[0, :, 0] + reach) + gap
        apart[:, 1] = size[0, :, 1] * rng.uniform(-0.5, 0.5, count)
    yaw = rng.uniform(-np.pi, np.pi, count)
    position = rng.uniform(-300.0, 300.0, (count, 2))
    cos, sin = np.cos(yaw), np.sin(yaw)
    moved = np.stack((cos * apart[:, 0] - sin * apart[:, 1], sin * apart[:, 0] + cos * apart[:, 1]))
    pose_a = np.column_stack((position, yaw))
    pose_b = np.column_stack((position + moved.T, yaw + turn))
    return np.stack((pose_a, pose_b)).astype(np.float32), size.astype(np.float32)


@pytest.mark.parametrize("case", ["any", "thin", "nested", "aligned", "touching"])
def test_overlap_agrees_with_shapely_on_20000_pairs_each(case: str) -> None:
    pose, size = _pairs(np.random.default_rng(7), case, 20_000)
    (pose_a, pose_b), (size_a, size_b) = torch.from_numpy(pose), torch.from_numpy(size)
    depth = box.penetration_m(pose_a, size_a, pose_b, size_b).numpy()
    ours = box.overlaps(pose_a, size_a, pose_b, size_b).numpy()
    pose, size = pose.astype(np.float64), size.astype(np.float64)

    def polygons(grown_m: float) -> tuple[np.ndarray, np.ndarray]:
        return _polygons(pose[0], size[0] + grown_m), _polygons(pose[1], size[1] + grown_m)

    # Both boxes smaller by 8e-5 m overlap less by 8e-5 to 9.7e-5 m, along any axis of either.
    deep, apart = shapely.intersects(*polygons(-8e-5)), ~shapely.intersects(*polygons(8e-5))
    assert ours[deep].all()
    assert not ours[apart].any()
    assert (shapely.distance(*polygons(0.0)) >= -depth - 1e-4).all()
    if case != "nested":
        assert 0.1 < ours.mean() < 0.9, "both must be frequent enough to prove something"


def test_corners_agree_with_shapely() -> None:
    pose, size = (t.double() for t in _random_boxes(100, 2))
    ours = shapely.polygons(box.corners(pose, size).numpy())
    truth = _polygons(pose.numpy(), size.numpy())
    assert shapely.area(shapely.symmetric_difference(ours, truth)).max() < 1e-9


def test_penetration_of_two_squares_by_hand() -> None:
    # Unit squares 0.75 m apart along x overlap by 0.25 m; 1.5 m apart they are 0.5 m apart.
    pose = torch.tensor(((0.75, 0.0, 0.0), (1.5, 0.0, math.pi / 2)))
    size = torch.ones(2, 2)
    depth = box.penetration_m(torch.zeros(3), torch.ones(2), pose, size)
    torch.testing.assert_close(depth, torch.tensor((0.25, -0.5)))
