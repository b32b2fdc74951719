"""Boxes around points of boxes that are known: the oracle of box fitting, and of sizes."""

import math

import pytest
import torch
from torch import Tensor

from drive.perception.amodal import resized
from drive.perception.box_fit import fit_boxes, settled
from sim.geometry import box, overlap, se2

CAR = (4.5, 1.9, 1.5)


def seen_sides(boxes: Tensor, step_m: float = 0.1, noise_m: float = 0.0) -> tuple[Tensor, Tensor]:
    """Points on the two sides of each box that a sensor at the origin sees, and whose they are."""
    generator = torch.Generator().manual_seed(0)
    points, owner = [], []
    for k, one in enumerate(boxes):
        x, y, z, length, width, height, yaw = one.tolist()
        seen = se2.rotate(-one[:2], -one[6])  # the sensor, in the box's frame
        t = torch.arange(0.0, 1.0 + 1e-6, step_m / length)
        front = torch.sign(seen[0]) * 0.5 * length
        left = torch.sign(seen[1]) * 0.5 * width
        w = torch.arange(0.0, 1.0 + 1e-6, step_m / width)
        sides = []
        if seen[0].abs() > 0.5 * length:
            sides.append(torch.stack((front.expand(len(w)), (w - 0.5) * width), dim=1))
        if seen[1].abs() > 0.5 * width:
            sides.append(torch.stack(((t - 0.5) * length, left.expand(len(t))), dim=1))
        flat = torch.cat(sides)
        flat = flat + noise_m * torch.randn(flat.shape, generator=generator)
        flat = se2.transform_points(torch.tensor((x, y, yaw)), flat)
        for level in torch.linspace(-0.5, 0.5, 4):
            points.append(
                torch.cat((flat, torch.full((len(flat), 1), z + float(level) * height)), 1)
            )
            owner.append(torch.full((len(flat),), k))
    return torch.cat(points), torch.cat(owner)


def around(count: int, far_m: float = 20.0) -> Tensor:
    """Cars all around the sensor, at every heading."""
    angle = torch.arange(count) * (2.0 * math.pi / count)
    yaw = 0.3 + 2.4 * torch.arange(count)  # no whole part of a turn
    position = far_m * torch.stack((torch.cos(angle), torch.sin(angle)), dim=1)
    size = torch.tensor(CAR).expand(count, 3)
    return torch.cat((position, torch.full((count, 1), 0.8), size, yaw.unsqueeze(1)), dim=1)


def test_boxes_of_which_two_sides_are_seen_are_found_exactly() -> None:
    true = around(48)
    point, owner = seen_sides(true)
    found = fit_boxes(point, owner, len(true))
    both = overlap.iou(found[:, [0, 1, 6]], found[:, 3:5], true[:, [0, 1, 6]], true[:, 3:5])
    two_sides = (found[:, 4] > 1.0) & (found[:, 3] > 3.0)
    assert two_sides.sum() >= 36
    assert both[two_sides].min() > 0.93  # headings are a degree apart
    torch.testing.assert_close(found[:, 5], true[:, 5])
    torch.testing.assert_close(found[:, 2], true[:, 2])
    gap = se2.wrap_angle(2.0 * (found[:, 6] - true[:, 6])) / 2.0  # but for half a turn
    assert gap[two_sides].abs().max() < math.radians(1.1)


def test_the_axes_of_the_points_are_not_taken_for_those_of_the_car() -> None:
    # Principal axes of an L lie along its diagonal; the rectangle's edges do not.
    true = around(1)
    true[0, 6] = 0.6
    point, owner = seen_sides(true, noise_m=0.02)
    found = fit_boxes(point, owner, 1)
    assert abs(float(found[0, 6]) - 0.6) < math.radians(2.0)


def test_all_clusters_at_once_as_one_by_one_and_none() -> None:
    true = around(5)
    point, owner = seen_sides(true)
    owner = torch.where(owner == 2, -1, owner)  # noise
    together = fit_boxes(point, owner, 5)
    for k in (0, 1, 3, 4):
        mine = owner == k
        alone = fit_boxes(point[mine], torch.zeros(int(mine.sum()), dtype=torch.long), 1)
        torch.testing.assert_close(together[k], alone[0])
    assert (together[2] == 0.0).all()
    assert fit_boxes(point[:0], owner[:0], 0).shape == (0, 7)


def test_boxes_reach_down_to_the_lowest_point_under_them() -> None:
    true = torch.tensor(
        [[10.0, 0.0, 1.0, 4.0, 2.0, 1.4, 0.0], [30.0, 0.0, 1.0, 4.0, 2.0, 1.4, 0.0]]
    )
    cloud = torch.tensor([[10.5, 0.2, 0.05], [10.5, 3.0, -0.2], [30.0, 0.0, -3.0]])
    told = settled(true, cloud)
    # 1.7 is the top; 0.05 the lowest point inside; what is 3 m below is no wheel.
    assert told[0, 2] == pytest.approx(0.875) and told[0, 5] == pytest.approx(1.65)
    torch.testing.assert_close(told[1], true[1])


def test_the_nearest_corner_stays_where_it_was_seen() -> None:
    # 98 cars of which only a piece of 2.5 by 1.2 m was seen, at the corner nearest to the sensor.
    true = around(98)
    pose, size = true[:, [0, 1, 6]], true[:, 3:5]
    corner = box.corners(pose, size)
    nearest = corner.norm(dim=-1).argmin(dim=1)
    signs = torch.tensor(((1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)))[nearest]
    inwards = 0.5 * signs * (size - torch.tensor((2.5, 1.2)))
    center = se2.transform_points(pose, inwards)
    part = torch.tensor((2.5, 1.2, 1.5)).expand(98, 3)
    seen = torch.cat((center, true[:, 2:3], part, true[:, 6:]), dim=1)
    told = resized(seen, true[:, 3:6], torch.zeros(98, 2))
    assert (seen[:, :2] - true[:, :2]).norm(dim=1).mean() > 0.9
    # Seen head-on two corners are as near as each other: of the part it may be the other one.
    off = (told - true).abs().amax(dim=1)
    assert (off < 1e-4).sum() >= 94


def test_the_bottom_stays() -> None:
    low = torch.tensor([[10.0, 5.0, 0.5, 3.0, 1.5, 1.0, 0.1]])
    told = resized(low, torch.tensor([[4.5, 1.9, 1.6]]), torch.zeros(1, 2))
    assert told[0, 2] == pytest.approx(0.8)  # from 0 to 1.6
