"""Average precision by hand."""

import math

import torch

from eval.metrics.detection import Matched, in_range, matched, nearness, overlaps


def car(x: float, y: float, yaw: float = 0.0) -> list[float]:
    return [x, y, 0.8, 4.0, 2.0, 1.5, yaw]


def test_average_precision_by_hand() -> None:
    # Sorted: right, wrong, right, right, wrong; 4 to find. Precision 1, 1/2, 2/3, 3/4, 3/5; the best at that
    # recall or more: 1, 3/4, 3/4: (1 + 3/4 + 3/4) / 4.
    score = torch.tensor([0.5, 0.9, 0.8, 0.7, 0.6])
    right = torch.tensor([False, True, False, True, True])
    told = Matched(score, right, 4)
    assert told.average_precision == 0.625
    assert told.recall == 0.75
    assert math.isclose(told.precision, 0.6, rel_tol=1e-6)


def test_the_surest_takes_the_true_box_and_a_second_one_is_wrong() -> None:
    true = torch.tensor([car(10.0, 0.0), car(20.0, 0.0)])
    found = torch.tensor([car(10.5, 0.0), car(10.0, 0.0), car(20.0, 1.0)])
    like = overlaps(found, true)
    # Moved by half a metre of four: 3.5 / 4.5; aside by half its width: 1 / 3.
    torch.testing.assert_close(like[:, 0][:2], torch.tensor([7.0 / 9.0, 1.0]).double())
    torch.testing.assert_close(like[2, 1], torch.tensor(1.0 / 3.0).double())
    score, every = torch.tensor([0.9, 0.8, 0.7]), torch.ones(3, dtype=torch.bool)
    told = matched(like, score, 0.5, every[:2], every)
    assert told.right.tolist() == [True, False, False] and told.true == 2
    loose = matched(like, score, 0.3, every[:2], every)
    assert loose.right.tolist() == [True, False, True]
    near = matched(nearness(found, true), score, -0.5, every[:2], every)
    assert near.right.tolist() == [True, False, False]


def test_what_does_not_count_is_neither_found_nor_wrong() -> None:
    true = torch.tensor([car(10.0, 0.0), car(60.0, 0.0)])
    found = torch.tensor([car(60.0, 0.0), car(70.0, 0.0), car(10.0, 0.0), car(30.0, 9.0)])
    near = (0.0, 40.0)
    told = matched(
        overlaps(found, true),
        torch.tensor([0.9, 0.8, 0.7, 0.6]),
        0.5,
        in_range(true, near),
        in_range(found, near),
    )
    assert told.right.tolist() == [True, False] and told.true == 1


def test_frames_are_put_together_and_nothing_is_nothing() -> None:
    none = torch.zeros(0, 7)
    every = torch.zeros(0, dtype=torch.bool)
    empty = matched(overlaps(none, none), torch.zeros(0), 0.5, every, every)
    assert math.isnan(empty.average_precision) and math.isnan(empty.recall)
    missed = matched(
        overlaps(none, torch.tensor([car(5.0, 0.0)])), torch.zeros(0), 0.5, torch.ones(1) > 0, every
    )
    assert missed.average_precision == 0.0
    one = Matched(torch.tensor([0.5]), torch.tensor([True]), 1)
    assert Matched.joined([empty, missed, one]).average_precision == 0.5
