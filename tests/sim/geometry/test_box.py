"""Boxes against shapely."""

import math

import numpy as np
import shapely
import shapely.affinity
import torch

from sim.geometry import box


def _random_boxes(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    position = 12.0 * torch.rand(count, 2, generator=g) - 6.0
    yaw = 2 * math.pi * torch.rand(count, 1, generator=g)
    size = torch.rand(count, 2, generator=g) * torch.tensor((8.0, 2.0)) + 0.5
    return torch.cat((position, yaw), dim=1).double(), size.double()


def _polygons(pose: torch.Tensor, size: torch.Tensor) -> np.ndarray:
    """Built from scratch, so that `box.corners` is tested as well."""
    half = size.numpy() / 2
    base = shapely.box(-half[:, 0], -half[:, 1], half[:, 0], half[:, 1])
    moved = [
        shapely.affinity.translate(shapely.affinity.rotate(p, yaw, (0, 0), use_radians=True), x, y)
        for p, (x, y, yaw) in zip(base, pose.tolist(), strict=True)
    ]
    return np.array(moved)


def test_overlap_agrees_with_shapely_on_100000_pairs() -> None:
    pose_a, size_a = _random_boxes(500, 0)
    pose_b, size_b = _random_boxes(200, 1)
    depth = box.penetration_m(pose_a[:, None], size_a[:, None], pose_b[None], size_b[None])
    truth = shapely.intersects(
        _polygons(pose_a, size_a)[:, None], _polygons(pose_b, size_b)[None, :]
    )
    wrong = (depth.numpy() > 0) != truth
    assert truth.mean() > 0.1, "the random boxes must overlap often enough to prove something"
    assert np.abs(depth.numpy()[wrong]).max(initial=0.0) < 1e-4


def test_corners_agree_with_shapely() -> None:
    pose, size = _random_boxes(100, 2)
    ours = shapely.polygons(box.corners(pose, size).numpy())
    assert shapely.area(shapely.symmetric_difference(ours, _polygons(pose, size))).max() < 1e-9


def test_penetration_of_two_squares_by_hand() -> None:
    # Unit squares 0.75 m apart along x overlap by 0.25 m; 1.5 m apart they are 0.5 m apart.
    pose = torch.tensor(((0.75, 0.0, 0.0), (1.5, 0.0, math.pi / 2)))
    size = torch.ones(2, 2)
    depth = box.penetration_m(torch.zeros(3), torch.ones(2), pose, size)
    torch.testing.assert_close(depth, torch.tensor((0.25, -0.5)))
