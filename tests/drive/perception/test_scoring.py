import numpy as np
import pytest

from drive.perception.logs.sweep_log import Truth
from drive.perception.scoring import Tally

ALL_ROUND = (-np.pi, np.pi)


def box(x: float, y: float) -> list[float]:
    return [x, y, 0.8, 4.0, 2.0, 1.6, 0.0]


def truth(boxes: list[list[float]], points: list[int]) -> Truth:
    return Truth(np.array(boxes), np.arange(len(boxes)), np.array(points))


def test_by_hand() -> None:
    # Near: one of two found, 1 m too far ahead (overlap 3 of 5: 0.6), and a ghost that is surer.
    # Far: one of one found exactly.
    tally = Tally()
    there = truth([box(10, 0), box(10, 20), box(60, 0)], [100, 100, 20])
    found = np.array([box(11, 0), box(-10, 0), box(60, 0)])
    tally.add_frame(found, np.array([0.5, 0.9, 0.7]), there, ALL_ROUND)
    figures = tally.figures()
    near, far = figures["iou0.5 0-40 m"], figures["iou0.5 40-80 m"]
    assert near["precision"] == 0.5 and near["recall"] == 0.5
    assert near["ap"] == pytest.approx(0.25)  # half of what there is, at a precision of a half
    assert (near["true"], near["found"]) == (2, 2)
    assert far["ap"] == 1.0
    assert figures["iou0.7 0-40 m"]["recall"] == 0.0
    assert figures["center 0-40 m"]["recall"] == 0.5


def test_who_threw_back_next_to_nothing_and_what_nobody_annotated_does_not_count() -> None:
    tally = Tally()
    there = truth([box(10, 0), box(20, 0)], [100, 4])
    found = np.array([box(10, 0), box(-10, 5)])  # the second one behind, where nobody looked
    tally.add_frame(found, np.array([0.9, 0.9]), there, (-0.6, 0.6))
    figures = tally.figures()["iou0.5 0-40 m"]
    assert (figures["precision"], figures["recall"], figures["true"]) == (1.0, 1.0, 1)


def test_nobody_there_and_nothing_found() -> None:
    tally = Tally()
    tally.add_frame(np.zeros((0, 7)), np.zeros(0), truth([box(10, 0)], [9]), ALL_ROUND)
    nobody = Truth(np.zeros((0, 7)), np.zeros(0, dtype=int), np.zeros(0, dtype=int))
    tally.add_frame(np.array([box(5, 0)]), np.array([0.5]), nobody, ALL_ROUND)
    figures = tally.figures()["iou0.5 0-40 m"]
    assert figures["recall"] == 0.0 and figures["precision"] == 0.0
    assert np.isnan(tally.figures()["iou0.5 40-80 m"]["ap"])
