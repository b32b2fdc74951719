"""Structured max-margin by hand, its sub-gradient, and weights that come back from experts."""

import math

import pytest
import torch

from drive.planning.costs.max_margin import interpretable_margin, stepwise_margin
from drive.planning.costs.terms import EACH, WHOLE, Terms
from drive.planning.interpretable.network import InterpretableConfig, InterpretableCost

DRIVEN = torch.tensor([[2.0, 1.0]])
COST = torch.tensor([[[1.0, 4.0], [2.5, 0.0], [-9.0, -9.0]]])
MARGIN = torch.tensor([[[0.5, 0.5], [0.2, 0.2], [0.0, 0.0]]])
VALID = torch.tensor([[True, True, False]])


def test_stepwise_by_hand() -> None:
    # First: 2 - 1 + 0.5 = 1.5 and 1 - 4 + 0.5 = -2.5; second: -0.3 and 1.2; the third does not count.
    assert stepwise_margin(DRIVEN, COST, MARGIN, VALID).tolist() == pytest.approx([1.5])
    # Outside, slack pays: -1.0 and 0.9.
    outside = stepwise_margin(DRIVEN, COST, MARGIN, VALID, relu_inside=False)
    assert outside.tolist() == pytest.approx([0.9])
    dear = stepwise_margin(DRIVEN, COST + 9.0, MARGIN, VALID, relu_inside=False)
    assert dear.tolist() == [0.0]


def test_interpretable_by_hand() -> None:
    # First: 3 - 2 + 0.1 + [2 - 1 + 1]_+ + [1 - 4]_+ = 3.1; second: 3 - 1 + 0.2 + 0 + [1 - 0]_+ = 3.2.
    loss = interpretable_margin(
        torch.tensor([3.0]), DRIVEN, torch.tensor([[2.0, 1.0, -99.0]]), COST,
        torch.tensor([[0.1, 0.2, 0.0]]), torch.tensor([[[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]]), VALID,
    )  # fmt: skip
    assert loss.tolist() == pytest.approx([3.2])


def test_subgradient_is_plus_one_on_the_driven_and_minus_one_on_the_worst() -> None:
    driven, cost = DRIVEN.clone().requires_grad_(), COST.clone().requires_grad_()
    stepwise_margin(driven, cost, MARGIN, VALID).sum().backward()
    assert driven.grad is not None and cost.grad is not None
    assert driven.grad.tolist() == [[1.0, 0.0]]
    assert cost.grad.tolist() == [[[-1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]]


@pytest.mark.parametrize("held", [math.nan, math.inf, -math.inf])
def test_who_is_not_valid_never_counts(held: float) -> None:
    cost = COST.clone()
    cost[0, 2] = held
    cost.requires_grad_()
    loss = stepwise_margin(DRIVEN, cost, MARGIN, VALID)
    assert loss.tolist() == pytest.approx([1.5])
    loss.sum().backward()
    assert cost.grad is not None and (cost.grad[0, 2] == 0.0).all()
    nobody = stepwise_margin(DRIVEN, cost, MARGIN, torch.zeros_like(VALID))
    assert nobody.tolist() == [0.0]


def _scenes(num: int, seed: int) -> Terms:
    draw = torch.Generator().manual_seed(seed)
    each = torch.rand(num, 20, 3, len(EACH), generator=draw)
    whole = torch.rand(num, 20, len(WHOLE), generator=draw)
    # In units in which the hand-tuned weights matter equally.
    cost = InterpretableCost(InterpretableConfig())
    with torch.no_grad():
        return Terms(each / (3.0 * cost.log_each.exp()), whole / cost.log_whole.exp())


def _total(cost: InterpretableCost, terms: Terms) -> torch.Tensor:
    each, whole = cost(terms)
    return each.sum(dim=2) + whole


def test_weights_come_back_from_what_experts_choose() -> None:
    expert, learner = (InterpretableCost(InterpretableConfig()) for _ in range(2))
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in expert.parameters():
            weights += 1.2 * torch.randn(weights.shape, generator=draw)
        seen, unseen = _scenes(1200, 1), _scenes(300, 2)
        chosen, wanted = (_total(expert, t).argmin(dim=1) for t in (seen, unseen))
    row = torch.arange(len(chosen))
    everyone = torch.ones(len(chosen), 20, dtype=torch.bool)
    everyone[row, chosen] = False
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.1)

    def agrees() -> float:
        with torch.no_grad():
            return float((_total(learner, unseen).argmin(dim=1) == wanted).float().mean())

    assert agrees() < 0.7
    for step in range(100):
        optimizer.param_groups[0]["lr"] = 0.1 * (1.0 - step / 100)
        cost = _total(learner, seen).unsqueeze(2)
        margin = torch.full_like(cost, 0.02)
        loss = stepwise_margin(cost[row, chosen], cost, margin, everyone, relu_inside=False).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert agrees() >= 0.95
