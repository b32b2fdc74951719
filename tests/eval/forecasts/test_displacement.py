"""Displacement errors, against loops over agents and futures."""

import numpy as np
import torch

from eval.forecasts.displacement import (
    average_error_m,
    final_error_m,
    least_of_best,
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
