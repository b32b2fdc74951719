"""InfoNCE and the penalty on steep gradients, worked out by hand."""

import math

import pytest
import torch

from drive.planning.energy.langevin import energy_gradient
from drive.planning.energy.losses import gradient_penalty, info_nce


def test_info_nce_of_all_there_is_is_the_exact_log_likelihood() -> None:
    # Energies 0, log 2 and log 4: weights 1, 1/2 and 1/4, so probabilities 4/7, 2/7 and 1/7.
    energy = torch.tensor([[0.0, math.log(2), math.log(4)], [math.log(4), 0.0, math.log(2)]])
    found = info_nce(energy).tolist()
    assert found == pytest.approx([-math.log(4 / 7), -math.log(1 / 7)])
    torch.testing.assert_close(info_nce(energy + 300.0), info_nce(energy), rtol=0, atol=1e-4)


def test_what_is_not_valid_is_left_out() -> None:
    energy = torch.tensor([[0.0, math.log(2), -1e6]], requires_grad=True)
    loss = info_nce(energy, torch.tensor([[True, True, False]]))
    assert loss.item() == pytest.approx(-math.log(2 / 3))
    loss.sum().backward()
    # d/dE_j is the demonstration's indicator less the probability.
    assert energy.grad is not None
    assert energy.grad[0].tolist() == pytest.approx([1 / 3, -1 / 3, 0.0])


def test_a_finite_set_is_learned_to_its_frequencies() -> None:
    """Trained on what was seen 5, 3 and 2 times, energies are -log of the shares."""
    seen = torch.tensor([0] * 5 + [1] * 3 + [2] * 2)
    energy = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.Adam([energy], 0.1)
    others = torch.tensor([[0, 1, 2], [1, 0, 2], [2, 0, 1]])  # the demonstration, then the rest
    for _ in range(150):
        optimizer.zero_grad()
        info_nce(energy[others[seen]]).mean().backward()
        optimizer.step()
    torch.testing.assert_close(
        torch.softmax(-energy, dim=0), torch.tensor([0.5, 0.3, 0.2]), rtol=0, atol=1e-3
    )


def test_the_penalty_is_of_the_steepest_direction_beyond_one() -> None:
    gradient = torch.tensor([[[0.5, -1.0], [0.2, -3.0], [1.5, 0.1]]])
    assert gradient_penalty(gradient)[0].tolist() == pytest.approx([0.0, 4.0, 0.25])


def test_the_penalty_trains_the_energy() -> None:
    slope = torch.tensor(3.0, requires_grad=True)
    y = torch.ones(1, 4, 2)
    steep = energy_gradient(lambda y: slope * y.sum(dim=-1), y, differentiable=True)
    gradient_penalty(steep).mean().backward()
    assert slope.grad is not None and slope.grad.item() == pytest.approx(4.0)  # 2 (3 - 1)
