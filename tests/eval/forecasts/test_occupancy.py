"""Occupancy and flow, against loops over cells and scikit-learn."""

import itertools

import numpy as np
import torch
from sklearn.metrics import jaccard_score

from eval.forecasts.occupancy import flow_error_terms, iou_terms, soft_iou_terms


def _case() -> tuple[torch.Tensor, torch.Tensor]:
    """Two scenes, three horizons, 4 x 5 cells; the last horizon is empty."""
    generator = torch.Generator().manual_seed(0)
    occupied = torch.rand(2, 3, 4, 5, generator=generator) < 0.4
    probability = torch.rand(2, 3, 4, 5, generator=generator)
    occupied[:, 2], probability[:, 2] = False, 0.0
    return probability, occupied


def test_iou_like_scikit_learn() -> None:
    probability, occupied = _case()
    both, either = iou_terms(probability, occupied)
    for b, t in itertools.product(range(2), range(2)):
        expected = jaccard_score(occupied[b, t].flatten(), probability[b, t].flatten() > 0.5)
        assert np.isclose(both[b, t] / either[b, t], expected)
    assert both[:, 2].tolist() == [0, 0] and either[:, 2].tolist() == [0, 0]


def test_soft_iou_like_a_loop() -> None:
    probability, occupied = _case()
    both, either = soft_iou_terms(probability, occupied)
    for b, t in itertools.product(range(2), range(3)):
        above, below = 0.0, 0.0
        for p, o in zip(probability[b, t].flatten(), occupied[b, t].flatten(), strict=True):
            above += p.item() if o else 0.0
            below += 1.0 if o else p.item()  # p + 1 - p, or p + 0 - 0
        assert np.isclose(both[b, t], above) and np.isclose(either[b, t], below)


def test_flow_error() -> None:
    # (3, 4) and (0, 1) off, the third right, the fourth does not count: (5 + 1 + 0) of 3 cells.
    true_flow = torch.tensor([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [torch.nan, 0.0]]])
    flow = true_flow + torch.tensor([[[3.0, 4.0], [0.0, -1.0]], [[0.0, 0.0], [9.0, 9.0]]])
    counts = torch.tensor([[True, True], [True, False]])
    error, number = flow_error_terms(flow, true_flow, counts)
    assert error.item() == 6.0 and number.item() == 3
