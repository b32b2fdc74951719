"""From cells to boxes; suppression against a greedy one with shapely's areas."""

import math

import pytest
import torch
from shapely import affinity
from shapely import box as rectangle
from torch import Tensor

from drive.perception.detector.box_code import encode
from drive.perception.detector.decode import detections, suppressed
from sim.geometry.grid import BevGrid

CELLS = BevGrid(-16.0, -16.0, 0.8, 40, 40)


def greedy(boxes: Tensor, score: Tensor, most_iou: float) -> list[int]:
    """Which stay, the surest first."""
    shapes = []
    for x, y, _, length, width, _, yaw in boxes.tolist():
        flat = rectangle(-0.5 * length, -0.5 * width, 0.5 * length, 0.5 * width)
        shapes.append(affinity.translate(affinity.rotate(flat, math.degrees(yaw), (0, 0)), x, y))
    stays: list[int] = []
    for k in score.argsort(descending=True).tolist():
        one = shapes[k]
        shared = [one.intersection(shapes[j]).area / one.union(shapes[j]).area for j in stays]
        if score[k] > 0 and not any(iou > most_iou for iou in shared):
            stays.append(k)
    return stays


def crowd(seed: int, number: int, room_m: float) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    draw = torch.rand(number, 8, generator=generator)
    place = room_m * draw[:, :2]
    size = torch.tensor((2.0, 1.0, 1.0)) + draw[:, 3:6] * torch.tensor((8.0, 2.0, 1.0))
    boxes = torch.cat((place, draw[:, 2:3], size, 7.0 * draw[:, 6:7]), dim=1)
    return boxes, torch.where(draw[:, 7] < 0.1, 0.0, draw[:, 7])


@pytest.mark.parametrize("most_iou", [0.0, 0.1, 0.5])
def test_those_stay_that_stay_one_by_one(most_iou: float) -> None:
    sets = [crowd(0, 60, 25.0), crowd(1, 60, 60.0), crowd(2, 60, 8.0)]
    boxes, score = (torch.stack(values) for values in zip(*sets, strict=True))
    found = suppressed(boxes, score, most_iou)
    for k in range(3):
        stays = greedy(boxes[k], score[k], most_iou)
        assert stays
        torch.testing.assert_close(found.score[k, : len(stays)], score[k, stays])
        torch.testing.assert_close(found.box[k, : len(stays)], boxes[k, stays])
        assert not found.score[k, len(stays) :].any()


def test_a_box_that_fell_takes_no_other_with_it() -> None:
    # A chain: b overlaps a and falls, c overlaps b alone and stays, d overlaps c and falls.
    boxes = torch.tensor([[1.0 * k, 0.0, 0.5, 1.5, 1.0, 1.0, 0.0] for k in range(4)]).unsqueeze(0)
    found = suppressed(boxes, torch.tensor([[0.9, 0.8, 0.7, 0.6]]), 0.1)
    assert found.score[0].tolist() == pytest.approx([0.9, 0.7, 0.0, 0.0])


def said(boxes: Tensor, logit: Tensor) -> tuple[Tensor, Tensor]:
    """Maps in which these boxes are said; all else is unlikely."""
    code, i, j = encode(boxes, CELLS)
    maps = torch.full((1, *CELLS.shape), -9.0), torch.zeros(1, *CELLS.shape, 8)
    maps[0][0, i.long(), j.long()] = logit
    maps[1][0, i.long(), j.long()] = code
    return maps


def test_what_cells_say_is_found_the_surest_first() -> None:
    boxes = torch.tensor(
        [[1.0, 2.0, 0.8, 4.5, 1.9, 1.6, 0.4], [-9.0, 9.0, 0.9, 0.8, 0.6, 1.8, -1.2]]
    )
    found = detections(*said(boxes, torch.tensor((1.0, 3.0))), CELLS)
    torch.testing.assert_close(found.box[0, :2], boxes[[1, 0]])
    expected = torch.sigmoid(torch.tensor((3.0, 1.0)))
    torch.testing.assert_close(found.score[0, :2], expected)
    assert not found.score[0, 2:].any()


def test_beside_a_surer_cell_none_is_a_peak() -> None:
    boxes = torch.tensor([[1.0, 2.0, 0.8, 0.5, 0.4, 1.6, 0.4], [1.8, 2.0, 0.8, 0.5, 0.4, 1.6, 0.4]])
    found = detections(*said(boxes, torch.tensor((1.0, 3.0))), CELLS)
    assert (found.score[0] > 0).sum() == 1
    torch.testing.assert_close(found.box[0, 0], boxes[1])


@pytest.mark.parametrize("place", [(15.9, 2.0), (2.0, 15.9)])
def test_centres_outside_the_grid_are_none(place: tuple[float, float]) -> None:
    logit, code = said(torch.tensor([[*place, 0.8, 4.5, 1.9, 1.6, 0.4]]), torch.tensor((2.0,)))
    assert detections(logit, code, CELLS).score.any()
    assert not detections(logit, code + 0.2, CELLS).score.any()  # 0.16 m farther in x and y
