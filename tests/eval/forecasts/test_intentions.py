"""Accuracy and calibration of intentions, by hand."""

import pytest
import torch

from eval.forecasts.calibration import expected_calibration_error
from eval.forecasts.intentions import intention_reliability, right_by_class


def _case() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two scenes of three agents, three intentions; the last agent does not count."""
    probability = torch.tensor(
        [
            [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3]],
            [[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.9, 0.1, 0.0]],
        ]
    )
    label = torch.tensor([[0, 1, 2], [1, 2, -1]])
    counts = torch.tensor([[True, True, True], [True, True, False]])
    return probability.log(), label, counts


def test_right_by_class() -> None:
    # True 0: one, right. True 1: two, the first right (the other is taken for 0). True 2: two, the
    # second right.
    right, number = right_by_class(*_case())
    assert right.tolist() == [1, 1, 1] and number.tolist() == [1, 2, 2]


def test_calibration() -> None:
    # Highest probabilities .7 (right), .8 (right), .4 (wrong), .6 (wrong), .6 (right), in bins of 1/15
    # (.6 is in (.5333, .6]): (.3 + .2 + .4 + |1.2 - 1|) / 5.
    table = intention_reliability(*_case()).pooled(0)
    assert table.number.sum() == 5
    assert expected_calibration_error(table).item() == pytest.approx(0.22, abs=1e-6)
