"""The cover against every subset there is, on cases small enough to try them all."""

from itertools import combinations

import pytest
import torch
from torch import Tensor

from drive.prediction.trajectory_set import greedy_cover, nearest_in_set


def _covers(trajectory_m: Tensor, chosen: tuple[int, ...], epsilon_m: float) -> bool:
    """By the definition, one pair and one instant after the other."""
    return all(
        any(
            max(float((a - b).norm()) for a, b in zip(one, trajectory_m[k], strict=True))
            <= epsilon_m
            for k in chosen
        )
        for one in trajectory_m
    )


def _smallest(trajectory_m: Tensor, epsilon_m: float) -> int:
    count = len(trajectory_m)
    return next(
        m
        for m in range(1, count + 1)
        if any(_covers(trajectory_m, c, epsilon_m) for c in combinations(range(count), m))
    )


@pytest.mark.parametrize("seed", range(4))
def test_everything_is_covered_by_hardly_more_than_the_least_number(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    velocity = 3.0 * torch.rand(9, 1, 2, generator=generator)
    trajectory_m = velocity * torch.arange(1.0, 4.0)[:, None]
    chosen = tuple(greedy_cover(trajectory_m, 2.5, 9).tolist())
    assert _covers(trajectory_m, chosen, 2.5)
    # None is left over at the end, and greedy is at most H(9) = 2.83 times the least (Chvatal 1979).
    assert not _covers(trajectory_m, chosen[:-1], 2.5)
    assert _smallest(trajectory_m, 2.5) <= len(chosen) <= 2.83 * _smallest(trajectory_m, 2.5)


def test_what_covers_most_comes_first_and_the_bound_is_on_the_farthest_instant() -> None:
    # Ends at 0, 1, 2 and 10 m; with 1 m the second covers three, then the fourth itself.
    ends = torch.tensor([0.0, 1.0, 2.0, 10.0])
    trajectory_m = torch.zeros(4, 2, 2)
    trajectory_m[:, 1, 0] = ends
    assert greedy_cover(trajectory_m, 1.0, 9).tolist() == [1, 3]
    assert greedy_cover(trajectory_m, 1.0, 1).tolist() == [1]
    # A bound on the mean distance would let 2 m at the last of two instants pass.
    assert greedy_cover(trajectory_m, 0.9, 9).tolist() == [0, 1, 2, 3]


def test_more_trajectories_than_are_looked_at_at_once() -> None:
    line = torch.arange(600.0)[:, None, None] * torch.tensor([1.0, 0.0])
    chosen = greedy_cover(line, 50.0, 600).tolist()
    ends = line[chosen, 0, 0]
    assert ((line[:, 0, :1] - ends).abs().amin(dim=1) <= 50.0).all()
    assert len(chosen) <= 8  # 600 m, 101 each


def test_the_nearest_is_found_over_what_is_known() -> None:
    set_m = torch.zeros(2, 2, 2)
    set_m[1, :, 0] = torch.tensor([1.0, 5.0])
    truth = torch.tensor([[[[0.9, 0.0], [0.0, 0.0]]]])
    # 0.9 and 0 m from the first, 0.1 and 5 m from the second; the last instant is not known.
    assert nearest_in_set(set_m, truth, torch.tensor([[[True, False]]])).tolist() == [[1]]
    assert nearest_in_set(set_m, truth, torch.tensor([[[True, True]]])).tolist() == [[0]]
    poisoned = truth.clone()
    poisoned[..., 1, :] = torch.nan
    assert nearest_in_set(set_m, poisoned, torch.tensor([[[True, False]]])).tolist() == [[1]]
