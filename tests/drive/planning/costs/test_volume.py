"""A look-up in a cost volume, and the max-margin loss over it, by hand."""

import pytest
import torch

from drive.planning.costs.max_margin import stepwise_margin
from drive.planning.costs.volume import CostVolume
from sim.geometry.grid import BevGrid

GRID = BevGrid(-8.0, -8.0, 1.0, 32, 16)
CAR_M = torch.tensor([[4.0, 2.0]])


def _standing(*places: tuple[float, float]) -> torch.Tensor:
    """A candidate that is at one of the places at each instant, heading along x."""
    trajectory = torch.zeros(1, 1, len(places), 5)
    trajectory[0, 0, :, :2] = torch.tensor(places)
    return trajectory


def test_it_is_the_mean_over_the_box_at_each_instant() -> None:
    """A cost that is linear in x and in time has at the middle of a box what it has on the mean."""
    x = GRID.cell_centers_m()[..., 0]
    volume = CostVolume(torch.stack((x, 10.0 + x)).unsqueeze(0), GRID, 0.5)
    along = volume.along(_standing((3.2, 0.0), (4.7, 1.3)), CAR_M)
    torch.testing.assert_close(along, torch.tensor([[[3.2, 14.7]]]))


def test_what_is_beyond_the_grid_costs_what_its_edge_costs() -> None:
    cost = torch.zeros(1, 1, *GRID.shape)
    cost[..., -8:, :] = 7.0
    along = CostVolume(cost, GRID, 0.5).along(_standing((60.0, 0.0)), CAR_M)
    assert float(along) == pytest.approx(7.0)
    beside = CostVolume(torch.full_like(cost, 3.0), GRID, 0.5).along(_standing((2.0, -90.0)), CAR_M)
    assert float(beside) == pytest.approx(3.0)


def test_the_gradient_of_the_margin_counts_visits() -> None:
    """Of the driven cells less those of the worst candidate, where each instant falls short."""
    cost = torch.zeros(1, 2, *GRID.shape, requires_grad=True)
    volume, size_m = CostVolume(cost, GRID, 0.5), torch.zeros(1, 2)  # a point
    driven = _standing((0.5, 0.5), (1.5, 0.5))
    candidates = torch.cat(
        (_standing((0.5, 1.5), (1.5, 2.5)), _standing((0.5, 3.5), (1.5, 3.5))), dim=1
    )
    margin = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    loss = stepwise_margin(
        volume.along(driven, size_m)[:, 0],
        volume.along(candidates, size_m),
        margin,
        torch.ones(1, 2, dtype=torch.bool),
    )
    assert loss.tolist() == [7.0]
    (gradient,) = torch.autograd.grad(loss.sum(), cost)
    visits = torch.zeros_like(gradient)
    visits[0, 0, 8, 8], visits[0, 1, 9, 8] = 1.0, 1.0  # driven: x of 0.5 is cell 8
    visits[0, 0, 8, 11], visits[0, 1, 9, 11] = -1.0, -1.0  # the second candidate
    torch.testing.assert_close(gradient, visits)


def test_inside_slack_does_not_pay_outside_it_does() -> None:
    """Instants short by 3 and over by 5: 3 with the ReLU inside the sum, none outside."""
    driven, cost = torch.tensor([[4.0, 1.0]]), torch.tensor([[[2.0, 8.0]]])
    margin, valid = torch.tensor([[[1.0, 2.0]]]), torch.ones(1, 1, dtype=torch.bool)
    inside = stepwise_margin(driven, cost, margin, valid)
    outside = stepwise_margin(driven, cost, margin, valid, relu_inside=False)
    assert (float(inside), float(outside)) == (3.0, 0.0)
