"""The table, its calibration error and the area under precision and recall, against loops."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from eval.forecasts.calibration import (
    CALIBRATION_BINS,
    PRECISION_RECALL_BINS,
    expected_calibration_error,
    precision_recall_area,
    reliability,
)


def _case(num: int = 400) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Three rows; those that do not count hold NaN. The likely happens, but less often than said."""
    generator = torch.Generator().manual_seed(0)
    probability = torch.rand(3, num, generator=generator)
    happened = torch.rand(3, num, generator=generator) < probability.square()
    counts = torch.rand(3, num, generator=generator) < 0.8
    return torch.where(counts, probability, torch.nan), happened, counts


def test_calibration_error_by_hand() -> None:
    # Two bins. (0, .5]: .1, .3 and .5, one of which happened: said .9, happened 1.
    # (.5, 1]: .6 and 1, both happened: said 1.6, happened 2. ECE: (.1 + .4) / 5.
    probability = torch.tensor((0.1, 0.3, 0.5, 0.6, 1.0))
    happened = torch.tensor((False, False, True, True, True))
    table = reliability(probability, happened, torch.ones_like(happened), num_bins=2)
    assert table.number.tolist() == [3, 2] and table.happened.tolist() == [1, 2]
    assert expected_calibration_error(table).item() == pytest.approx(0.1)


def test_calibration_error_like_a_loop() -> None:
    probability, happened, counts = _case()
    ours = expected_calibration_error(reliability(probability, happened, counts))
    for row in range(3):
        p = probability[row][counts[row]].double().numpy()
        truth = happened[row][counts[row]].numpy()
        error = 0.0
        for k in range(CALIBRATION_BINS):
            inside = (p > k / CALIBRATION_BINS) & (p <= (k + 1) / CALIBRATION_BINS)
            if inside.any():
                error += inside.sum() / len(p) * abs(p[inside].mean() - truth[inside].mean())
        assert ours[row].item() == pytest.approx(error, abs=1e-6)


def _area_of_a_fine_curve(p: np.ndarray, truth: np.ndarray) -> float:
    """Positives between two of 100 thresholds added little by little, in proportion; midpoint rule."""
    thresholds = np.array([-1e-7, *(i / 99 for i in range(1, 99)), 1 + 1e-7])
    true = np.array([(truth & (p > threshold)).sum() for threshold in thresholds], dtype=float)
    positive = np.array([(p > threshold).sum() for threshold in thresholds], dtype=float)
    part = (np.arange(2000) + 0.5) / 2000
    area = 0.0
    for k in range(99):
        if positive[k] > positive[k + 1]:
            num_true = true[k + 1] + part * (true[k] - true[k + 1])
            num_positive = positive[k + 1] + part * (positive[k] - positive[k + 1])
            area += (num_true / num_positive).mean() * (true[k] - true[k + 1])
    return area / truth.sum()


def test_area_like_the_integral_of_the_curve() -> None:
    probability, happened, counts = _case()
    ours = precision_recall_area(reliability(probability, happened, counts, PRECISION_RECALL_BINS))
    for row in range(3):
        p, truth = probability[row][counts[row]].numpy(), happened[row][counts[row]].numpy()
        assert ours[row].item() == pytest.approx(_area_of_a_fine_curve(p, truth), abs=1e-4)
        assert ours[row].item() == pytest.approx(average_precision_score(truth, p), abs=0.02)


def test_area_by_hand() -> None:
    sure = torch.tensor((1.0, 1.0, 0.0, 0.0))
    every = torch.ones(4, dtype=torch.bool)
    truth = torch.tensor((True, True, False, False))
    # Perfect; useless (precision is the share of what happens, at every recall); reversed: two false
    # positives come first, then P grows from 2 to 4, precision (P - 2) / P: 1 - log 2.
    for probability, area in ((sure, 1.0), (sure * 0 + 0.3, 0.5), (1 - sure, 1 - np.log(2))):
        table = reliability(probability, truth, every, PRECISION_RECALL_BINS)
        assert precision_recall_area(table).item() == pytest.approx(area)


def test_tables_add_up() -> None:
    probability, happened, counts = _case()
    table = reliability(probability, happened, counts)
    whole = reliability(probability.flatten(), happened.flatten(), counts.flatten())
    added = reliability(probability[0], happened[0], counts[0]) + reliability(
        probability[1:].flatten(), happened[1:].flatten(), counts[1:].flatten()
    )
    for other in (table.pooled(0), added):
        assert torch.equal(other.number, whole.number)
        assert torch.equal(other.happened, whole.happened)
        assert torch.allclose(other.probability, whole.probability)


def test_nothing_counts() -> None:
    probability, happened, counts = _case()
    none = reliability(probability, happened, counts & False)
    assert expected_calibration_error(none).isnan().all()
    assert precision_recall_area(none).isnan().all()
