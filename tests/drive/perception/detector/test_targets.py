"""Targets and losses, worked out by hand."""

import math

import pytest
import torch

from drive.perception.detector.box_code import decode, encode
from drive.perception.detector.losses import detector_losses, focal_loss
from drive.perception.detector.network import CellMaps
from drive.perception.detector.targets import Targets, radius_cells
from sim.geometry import overlap
from sim.geometry.grid import BevGrid

CELLS = BevGrid(-8.0, -8.0, 0.8, 20, 20)
CAR = (1.0, -2.0, 0.7, 4.5, 1.9, 1.5, math.radians(30.0))


def test_what_is_said_of_a_car() -> None:
    code, i, j = encode(torch.tensor(CAR), CELLS)
    # 9 / 0.8 = 11.25 and 6 / 0.8 = 7.5 cells from the corner.
    assert (int(i), int(j)) == (11, 7)
    expected = (0.25, 0.5, 0.7, math.log(4.5), math.log(1.9), math.log(1.5), 0.75**0.5, 0.5)
    torch.testing.assert_close(code, torch.tensor(expected))


def test_boxes_are_read_as_they_were_said_but_for_half_a_turn() -> None:
    torch.manual_seed(0)
    box = torch.rand(2, 50, 7) * 8.0 - 4.0
    box[..., 3:6] = box[..., 3:6].abs() + 0.3
    read = decode(*encode(box, CELLS), CELLS)
    torch.testing.assert_close(read[..., :6], box[..., :6], atol=1e-5, rtol=1e-5)
    assert torch.sin(read[..., 6] - box[..., 6]).abs().max() < 1e-5
    assert read[..., 6].abs().max() <= math.pi / 2


def test_a_box_that_is_off_by_the_radius_shares_a_tenth() -> None:
    # 15 x 4 cells: l + w = 19, lost 60 * 9 / 11 = 49.09; (19 - sqrt(361 - 196.36)) / 2 = 3.084.
    size = torch.tensor((15.0, 4.0))
    assert radius_cells(size) == 3.0
    there = torch.zeros(3, dtype=torch.float64)
    off = torch.tensor((3.0844, 3.0844, 0.0), dtype=torch.float64)
    assert overlap.iou(there, size.double(), off, size.double()) == pytest.approx(0.1, abs=1e-4)
    assert radius_cells(torch.tensor((5.6, 2.4))) == 2.0  # a car: 1.75, but never below 2
    assert radius_cells(torch.tensor((1.0, 1.0))) == 2.0


def test_heat_around_a_car() -> None:
    box = torch.tensor(CAR).expand(1, 1, 7)
    target = Targets.of(box, torch.tensor([[True]]), torch.tensor([6.0]), CELLS)
    # Of radius 2 the standard deviation is 5/6 of a cell: exp(-0.72) one cell off, exp(-1.44) across.
    heat = target.heat[0]
    assert heat[11, 7] == 1.0 and (heat == 1.0).sum() == 1
    assert heat[12, 7] == pytest.approx(math.exp(-0.72))
    assert heat[10, 8] == pytest.approx(math.exp(-1.44))
    assert heat[13, 9] == pytest.approx(math.exp(-5.76))
    assert heat[14, 7] == 0.0 and (heat > 0.0).sum() == 25
    # Cells beside one another in j follow one another, those in i are 20 apart.
    assert target.cell.tolist() == [[[i * 20 + j for i in (10, 11, 12) for j in (6, 7, 8)]]]
    # Centres of cells at (7.2 + 0.4, 0.4) m are farther than 6 m from the origin, at (5.2, 2.8) they are not.
    assert not target.counts[0, 19, 10] and target.counts[0, 16, 13] and not target.counts[0, 0, 0]


def test_cells_around_a_car_say_where_it_is_from_their_own_corners() -> None:
    there = torch.tensor([[True]])
    box = torch.tensor(CAR).expand(1, 1, 7)
    target = Targets.of(box, there, torch.tensor([20.0]), CELLS)
    i, j = CELLS.cell(target.cell)
    expected = box[..., None, :6].expand(1, 1, 9, 6)
    torch.testing.assert_close(decode(target.code, i, j, CELLS)[..., :6], expected)
    # The centre is 0.25 and 0.5 cells from the corner of cell (11, 7): 1.25 and -0.5 from that of (10, 8).
    torch.testing.assert_close(target.code[0, 0, 2, :2], torch.tensor((1.25, -0.5)))
    edge = torch.tensor(((-7.9, 0.0, *CAR[2:]),)).unsqueeze(0)
    told = Targets.of(edge, there, torch.tensor([20.0]), CELLS).told
    assert told.tolist() == [[[False] * 3 + [True] * 6]]


def test_boxes_that_meet_boxes_outside_and_boxes_that_are_none() -> None:
    box = torch.tensor((CAR, CAR, CAR, CAR, CAR))
    box[1, 0] += 1.6
    box[2, 0] = 8.1  # not in the grid
    box[3, :2] = -6.0  # farther than is known
    there = torch.tensor([[True, True, True, True, False]])
    target = Targets.of(box.unsqueeze(0), there, torch.tensor([8.0]), CELLS)
    assert target.told.all(dim=2).tolist() == [[True, True, False, False, False]]
    assert target.told.any(dim=2).tolist() == [[True, True, False, False, False]]
    heat = target.heat[0]
    assert heat[11, 7] == 1.0 and heat[13, 7] == 1.0 and (heat == 1.0).sum() == 2
    assert heat[12, 7] == pytest.approx(math.exp(-0.72))  # of either, not their sum
    assert (heat > 0.0).sum() == 35
    edge = torch.tensor(((-7.9, -7.9, *CAR[2:]),)).unsqueeze(0)
    corner = Targets.of(edge, torch.tensor([[True]]), torch.tensor([20.0]), CELLS)
    assert (corner.heat > 0.0).sum() == 9 and corner.heat[0, 0, 0] == 1.0


def test_around_a_doubted_box_nothing_counts_but_for_somebody_else() -> None:
    box = torch.tensor((CAR, CAR, CAR)).unsqueeze(0)
    box[0, 1, 0] += 2.4  # three cells on
    box[0, 2, 0] = 8.1  # outside
    there = torch.tensor([[True, False, False]])
    target = Targets.of(
        box, there, torch.tensor([20.0]), CELLS, torch.tensor([[False, True, True]])
    )
    # Of radius 2 each takes 5 x 5 cells, from 9 to 13 and from 12 to 16 in i: 3 x 5 are the doubted one's.
    ignored = torch.zeros(20, 20, dtype=torch.bool)
    ignored[14:17, 5:10] = True
    assert torch.equal(~target.counts[0], ignored)
    alone = Targets.of(box, there, torch.tensor([20.0]), CELLS)
    assert torch.equal(target.heat, alone.heat) and torch.equal(target.told, alone.told)
    assert alone.counts.all()


def test_focal_loss_by_hand() -> None:
    # p = 0.5 and a centre: 0.25 log 2. p = 0.5 and none: the same. Beside one, heat 0.5: a sixteenth of it.
    logit = torch.zeros(1, 1, 4)
    heat = torch.tensor([[[1.0, 0.0, 0.5, 0.0]]])
    counts = torch.tensor([[[True, True, True, False]]])
    expected = 0.25 * math.log(2.0) * (1.0 + 1.0 + 1.0 / 16.0)
    assert float(focal_loss(logit, heat, counts)) == pytest.approx(expected)
    two = torch.tensor([[[1.0, 1.0, 0.5, 0.0]]])
    expected = 0.25 * math.log(2.0) * (2.0 + 1.0 / 16.0) / 2.0
    assert float(focal_loss(logit, two, counts)) == pytest.approx(expected)
    sure = focal_loss(torch.tensor([[[300.0, -300.0, 0.0, 9.0]]]), heat, counts)
    assert float(sure) == pytest.approx(0.25 * math.log(2.0) / 16.0)


def test_focal_loss_falls_along_its_gradient() -> None:
    torch.manual_seed(0)
    logit = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    heat = torch.rand(2, 3, 3, dtype=torch.float64)
    heat[0, 1, 1] = heat[1, 0, 2] = 1.0
    counts = torch.rand(2, 3, 3) > 0.2
    assert torch.autograd.gradcheck(lambda x: focal_loss(x, heat, counts), logit)


def test_boxes_cost_how_far_off_they_are() -> None:
    box = torch.tensor((CAR, CAR)).unsqueeze(0)
    box[0, 1, 0] = 8.1  # outside: not asked for
    there = torch.tensor([[True, True]])
    target = Targets.of(box, there, torch.tensor([20.0]), CELLS)
    maps = CellMaps(torch.zeros(1, 20, 20), torch.zeros(1, 20, 20, 8))
    maps.code[0, 10:13, 6:9] = target.code[0, 0].unflatten(0, (3, 3)) + 0.1
    parts = detector_losses(maps, target)
    assert float(parts["box"]) == pytest.approx(0.8, rel=1e-5)
    assert float(parts["loss"]) == pytest.approx(float(parts["center"]) + 0.8, rel=1e-5)
    nobody = Targets.of(box, ~there, torch.tensor([20.0]), CELLS)
    assert float(detector_losses(maps, nobody)["box"]) == 0.0
    none = Targets.of(box[:, :0], there[:, :0], torch.tensor([20.0]), CELLS)
    assert float(detector_losses(maps, none)["loss"]) == pytest.approx(
        float(detector_losses(maps, nobody)["loss"])
    )
