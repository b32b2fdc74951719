"""The likelihood of what was driven, by hand."""

import math

import pytest
import torch

from drive.planning.costs.likelihood import likelihood_loss

# exp(-cost) is 3 : 1, so .75 and .25; what is wanted is 4 : 1, so .8 and .2. A third cannot be driven.
COST = torch.tensor([[0.0, math.log(3.0), -5.0]])
DISTANCE_M = torch.tensor([[1.0, 1.0 + 2.0 * math.log(4.0), 0.0]])
VALID = torch.tensor([[True, True, False]])


def test_a_cross_entropy_by_hand() -> None:
    nobody = torch.zeros_like(VALID)
    expected = -0.8 * math.log(0.75) - 0.2 * math.log(0.25)
    found = likelihood_loss(COST, DISTANCE_M, nobody, VALID, 2.0)
    assert found.tolist() == pytest.approx([expected])


def test_what_harms_is_not_wanted_but_told_apart_from() -> None:
    harms = torch.tensor([[False, True, False]])
    found = likelihood_loss(COST, DISTANCE_M, harms, VALID, 2.0)
    assert found.tolist() == pytest.approx([-math.log(0.75)])
    everything = torch.ones_like(VALID)
    assert likelihood_loss(COST, DISTANCE_M, everything, VALID, 2.0).tolist() == [0.0]


def test_the_gradient_is_what_is_told_less_what_is_wanted() -> None:
    cost = COST.clone().requires_grad_()
    likelihood_loss(cost, DISTANCE_M, torch.zeros_like(VALID), VALID, 2.0).sum().backward()
    assert cost.grad is not None  # of a cost: wanted less told
    assert cost.grad.flatten().tolist() == pytest.approx([0.8 - 0.75, 0.2 - 0.25, 0.0])
