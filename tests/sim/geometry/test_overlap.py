"""Shared areas of boxes against shapely."""

import numpy as np
import pytest
import shapely
import torch

from sim.geometry import overlap
from tests.sim.geometry.test_box import _pairs, _polygons


@pytest.mark.parametrize("case", ["any", "thin", "nested", "aligned", "touching"])
def test_areas_equal_shapelys(case: str) -> None:
    pose, size = _pairs(np.random.default_rng(3), case, 400)
    wanted = shapely.area(
        shapely.intersection(
            *(_polygons(pose[k].astype(float), size[k].astype(float)) for k in (0, 1))
        )
    )
    told = overlap.shared_area_m2(*(torch.from_numpy(v[k]) for k in (0, 1) for v in (pose, size)))
    np.testing.assert_allclose(told.numpy(), wanted, atol=2e-5)
    assert (wanted > 0).sum() > 50


def test_iou_of_equal_half_and_no_boxes() -> None:
    # The same; moved by half its length: 4 of 12 m2; apart; a box within one of four times its area.
    pose_a = torch.tensor([[5.0, 2.0, 0.7], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 0.3]])
    pose_b = torch.tensor([[5.0, 2.0, 0.7], [2.0, 0.0, 0.0], [9.0, 0.0, 0.0], [1.0, 1.0, 0.3]])
    size_a = torch.tensor([[4.0, 2.0], [4.0, 2.0], [4.0, 2.0], [4.0, 2.0]])
    size_b = torch.tensor([[4.0, 2.0], [4.0, 2.0], [4.0, 2.0], [2.0, 1.0]])
    told = overlap.iou(pose_a, size_a, pose_b, size_b)
    torch.testing.assert_close(told, torch.tensor([1.0, 1.0 / 3.0, 0.0, 0.25]).double())


def test_empty_boxes_share_nothing() -> None:
    pose, size = torch.zeros(2, 3), torch.tensor([[0.0, 0.0], [4.0, 2.0]])
    told = overlap.iou(pose, size, pose, torch.zeros(2, 2))
    assert told.tolist() == [0.0, 0.0]
