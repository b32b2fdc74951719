"""Pairs of least cost: against scipy where they are clear, against a plain loop where they are not."""

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from drive.perception.assignment import NOBODY, mutual_best


def _greedy(cost: np.ndarray) -> list[int]:
    """The cheapest pair of all, then the cheapest of the rest ..."""
    found, cost = [NOBODY] * len(cost), cost.copy()
    while cost.size and np.isfinite(cost.min()):
        row, column = np.unravel_index(cost.argmin(), cost.shape)
        found[row] = int(column)
        cost[row], cost[:, column] = np.inf, np.inf
    return found


def test_few_metres_moved_among_many_it_is_the_cheapest_assignment_of_all() -> None:
    rng = np.random.default_rng(0)
    for seed in range(20):
        # On a grid of 6 m, each moved by up to 2 m: who is nearest is the same one.
        place = 6.0 * np.stack(np.meshgrid(*[np.arange(5)] * 2), axis=-1).reshape(-1, 2)
        moved = place + rng.uniform(-1.4, 1.4, place.shape)
        order = np.random.default_rng(seed).permutation(len(place))
        cost = np.square(place[:, None] - moved[order]).sum(axis=-1)
        found = mutual_best(torch.from_numpy(cost[None]).float())
        assert found[0].tolist() == linear_sum_assignment(cost)[1].tolist()


def test_two_who_cross_are_told_apart_by_where_they_go() -> None:
    # Expected at (0, 0.3) and (0.3, 0), found at (0.1, 0.4) and (0.4, 0.1), in the other order.
    expected = torch.tensor(((0.0, 0.3), (0.3, 0.0)))
    found = torch.tensor(((0.4, 0.1), (0.1, 0.4)))
    cost = torch.cdist(expected, found).square()
    assert mutual_best(cost.unsqueeze(0)).tolist() == [[1, 0]]
    assert linear_sum_assignment(cost.numpy())[1].tolist() == [1, 0]


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9), (3, 1)])
def test_as_a_plain_loop_takes_them(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    cost = rng.uniform(0.0, 1.0, (50, *shape))
    cost[cost > 0.7] = np.inf
    found = mutual_best(torch.from_numpy(cost).float())
    assert found.tolist() == [_greedy(one.astype(np.float32)) for one in cost]


def test_nobody_where_nothing_is_possible() -> None:
    cost = torch.full((1, 2, 3), torch.inf)
    cost[0, 1, 2] = 4.0
    assert mutual_best(cost).tolist() == [[NOBODY, 2]]
