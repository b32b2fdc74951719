"""Both chains on an energy whose answer is known."""

import pytest
import torch
from torch import Tensor

from drive.planning.energy.langevin import (
    energy_gradient,
    implicit_bc_optimiser,
    polynomial_decay,
    unadjusted_langevin,
)

CHAINS, STEPS, STEP = 100_000, 120, 0.1


def _gaussian(y: Tensor) -> Tensor:
    """E = y^2 / 2: exp(-E) is the normal distribution."""
    return 0.5 * y.square().sum(dim=-1)


def _start() -> tuple[Tensor, torch.Generator]:
    return torch.full((2, CHAINS, 1), 2.0), torch.Generator().manual_seed(0)


def test_langevins_chain_has_the_variance_of_the_energy() -> None:
    # y' = (1 - s/2) y + sqrt(s) w: V = (1 - s/2)^2 V + s, so V = 1 / (1 - s/4) = 1.0256; after 120 steps
    # the start has shrunk to 2 * .95^120 = .004. 200,000 chains tell V to within 0.0032.
    end = unadjusted_langevin(_gaussian, *_args([STEP] * STEPS))
    assert end.var().item() == pytest.approx(1.0 / (1.0 - STEP / 4.0), abs=0.013)
    assert end.mean().item() == pytest.approx(0.0, abs=0.015)


def test_the_optimisers_chain_has_a_tenth_of_it() -> None:
    # y' = (1 - s/2) y - s w: V = s / (1 - s/4) = 0.1026. Wide bounds, so that hardly a step is clipped.
    end = implicit_bc_optimiser(_gaussian, *_args([STEP] * STEPS), half_range=20.0)
    assert end.var().item() == pytest.approx(STEP / (1.0 - STEP / 4.0), abs=0.0013)


def _args(sizes: list[float]) -> tuple[Tensor, list[float], torch.Generator]:
    start, generator = _start()
    return start, sizes, generator


def test_the_optimiser_clips_its_steps_and_keeps_within_bounds() -> None:
    start = torch.tensor([[[0.9], [-0.2]]])
    # The gradient is 1000: each step would be 50, and is a tenth of the half range of 2.
    one = implicit_bc_optimiser(
        lambda y: 1000.0 * y.sum(dim=-1), start, [0.1], torch.Generator(), half_range=2.0, noise=0.0
    )
    torch.testing.assert_close(one, start - 0.2)
    end = implicit_bc_optimiser(
        lambda y: 1000.0 * y.sum(dim=-1), start, [0.1] * 30, torch.Generator(), half_range=2.0
    )
    assert (end == -2.0).all()


def test_without_noise_it_goes_down_to_the_minimum_by_hand() -> None:
    # y' = y - s y / 2: 0.95 of it each time.
    start = torch.tensor([[[0.5]]])
    end = implicit_bc_optimiser(_gaussian, start, [0.1] * 10, torch.Generator(), noise=0.0)
    assert end.item() == pytest.approx(0.5 * 0.95**10)


def test_step_sizes_fall_as_the_square() -> None:
    sizes = polynomial_decay(101)
    assert sizes[0] == pytest.approx(0.1)
    assert sizes[50] == pytest.approx(1e-5 + (0.1 - 1e-5) / 4)
    assert sizes[-1] == pytest.approx(1e-5)
    assert polynomial_decay(1) == [0.1]


def test_gradients_are_of_each_by_itself_and_where_nobody_asked_for_them() -> None:
    y = torch.tensor([[[1.0, 2.0], [3.0, -4.0]]])
    with torch.no_grad():
        gradient = energy_gradient(_gaussian, y)
    torch.testing.assert_close(gradient, y)
    assert not y.requires_grad
