"""Displacement errors, against loops over agents and futures, and against nuScenes' devkit."""

import itertools

import numpy as np
import pytest
import torch
from nuscenes.eval.prediction import metrics as devkit

from eval.forecasts.displacement import (
    MISS_M,
    average_error_m,
    brier_least_of_best,
    final_error_m,
    greatest_error_m,
    least_of_best,
    missed_by_best,
    scene_error_m,
)

_B, _F, _N, _T = 2, 4, 3, 5


def _case() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    position = torch.randn(_B, _F, _N, _T, 2, generator=generator)
    truth = torch.randn(_B, _N, _T, 2, generator=generator)
    valid = torch.rand(_B, _N, _T, generator=generator) < 0.6
    valid[0, 1] = False  # somebody who is never there
    truth[~valid] = torch.nan
    probability = torch.softmax(torch.randn(_B, _F, _N, generator=generator), dim=1)
    return position, truth, valid, probability


def test_average_and_final_errors() -> None:
    position, truth, valid, _ = _case()
    ade, fde = average_error_m(position, truth, valid), final_error_m(position, truth, valid)
    for b in range(_B):
        for n in range(_N):
            there = valid[b, n].numpy()
            for f in range(_F):
                gaps = np.hypot(*(position[b, f, n] - truth[b, n]).numpy().T)[there]
                assert np.isclose(ade[b, f, n], gaps.mean() if len(gaps) else 0.0, atol=1e-6)
                assert np.isclose(fde[b, f, n], gaps[-1] if len(gaps) else 0.0, atol=1e-6)


def test_least_of_the_most_probable() -> None:
    position, truth, valid, probability = _case()
    ade = average_error_m(position, truth, valid)
    for k in (1, 2, 9):
        least = least_of_best(ade, probability, k)
        for b in range(_B):
            for n in range(_N):
                order = sorted(range(_F), key=lambda f: -probability[b, f, n])
                assert least[b, n] == min(ade[b, f, n] for f in order[:k])


def test_a_scene_has_one_future() -> None:
    # Means over the agents: 3 and 2.5; the last agent does not count.
    error = torch.tensor([[[1.0, 5.0, 9.0], [2.0, 3.0, 9.0]]])
    counts = torch.tensor([[True, True, False]])
    assert scene_error_m(error, counts).item() == 2.5
    assert scene_error_m(error, torch.zeros_like(counts)).isnan().all()


def test_greatest_error() -> None:
    position, truth, valid, _ = _case()
    greatest = greatest_error_m(position, truth, valid)
    for b, n, f in itertools.product(range(_B), range(_N), range(_F)):
        gaps = (position[b, f, n] - truth[b, n]).norm(dim=-1)[valid[b, n]]
        assert greatest[b, f, n] == (gaps.max() if len(gaps) else 0.0)


@pytest.mark.parametrize("k", [1, 5, 10])
def test_equal_to_the_devkits(k: int) -> None:
    """Every agent is a sample; twelve futures, half of which miss."""
    generator = torch.Generator().manual_seed(1)
    position = 0.8 * torch.randn(5, 12, 7, 6, 2, generator=generator)
    truth = 0.8 * torch.randn(5, 7, 6, 2, generator=generator)
    valid = torch.ones(5, 7, 6, dtype=torch.bool)
    probability = torch.softmax(torch.randn(5, 12, 7, generator=generator), dim=1)
    case = (position, truth, valid)
    ours = [
        least_of_best(average_error_m(*case), probability, k),
        least_of_best(final_error_m(*case), probability, k),
        missed_by_best(greatest_error_m(*case), probability, k),
    ]
    futures = position.transpose(1, 2).flatten(0, 1).numpy()
    repeated = truth.flatten(0, 1).unsqueeze(1).expand(-1, 12, -1, -1).numpy()
    ranks = probability.transpose(1, 2).flatten(0, 1).numpy()
    theirs = [
        devkit.min_ade_k(futures, repeated, ranks)[:, k - 1],
        devkit.min_fde_k(futures, repeated, ranks)[:, k - 1],
        devkit.miss_rate_top_k(futures, repeated, ranks, MISS_M)[:, k - 1],
    ]
    for our, their in zip(ours, theirs, strict=True):
        assert np.allclose(our.flatten().numpy(), their, atol=1e-6)
    assert 0 < theirs[2].sum() < len(theirs[2])  # some are missed, some are not


def test_brier_of_the_best_of_the_most_probable() -> None:
    # The two most probable have .4 and .2, so shares of 2/3 and 1/3; the less probable ends nearer.
    error = torch.tensor([3.0, 1.0, 0.5, 2.0]).reshape(1, 4, 1)
    probability = torch.tensor([0.4, 0.2, 0.1, 0.1]).reshape(1, 4, 1)
    assert np.isclose(brier_least_of_best(error, probability, 1), 3.0)  # a share of 1
    assert np.isclose(brier_least_of_best(error, probability, 2), 1.0 + (2 / 3) ** 2)
    # All: .8 together, the nearest has 1/8.
    assert np.isclose(brier_least_of_best(error, probability, 9), 0.5 + (7 / 8) ** 2)
