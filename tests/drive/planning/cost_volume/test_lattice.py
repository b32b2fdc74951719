"""The cheapest path through a cost volume against all paths, one by one."""

import itertools

import pytest
import torch

from drive.planning.cost_volume.lattice import cheapest_path, path_cost

MOVES = torch.tensor([[0.35, 0.0, 0.2], [0.4, 0.1, torch.inf]])  # dx 0 and 1; dy -1, 0 and 1
SIDE = 3
Path = tuple[tuple[int, int], ...]


def _volume(seed: int, worlds: int = 4) -> torch.Tensor:
    return torch.randn(worlds, SIDE, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def _price(cost: torch.Tensor, start: tuple[int, int], path: Path) -> float:
    """Of a path, inf where a move is none."""
    total, before = 0.0, start
    for time, cell in enumerate(path):
        dx, dy = cell[0] - before[0], cell[1] - before[1]
        if dx not in (0, 1) or dy not in (-1, 0, 1):
            return float("inf")
        total += float(cost[time, cell[0], cell[1]]) + float(MOVES[dx, dy + 1])
        before = cell
    return total


def _by_enumeration(cost: torch.Tensor, start: tuple[int, int]) -> tuple[Path, float]:
    """Of 729 paths."""
    cells = list(itertools.product(range(SIDE), range(SIDE)))
    prices = {p: _price(cost, start, p) for p in itertools.product(cells, repeat=SIDE)}
    best = min(prices, key=lambda path: prices[path])
    return best, prices[best]


@pytest.mark.parametrize("start", [(0, 1), (1, 2), (2, 0)])
@pytest.mark.parametrize("augmented", [False, True])
def test_it_is_the_best_of_all_paths(start: tuple[int, int], augmented: bool) -> None:
    cost = _volume(0)
    if augmented:
        cost = cost - _volume(1).abs()
    path, minimum = cheapest_path(cost, MOVES, torch.tensor([start] * 4))
    for world in range(4):
        best, price = _by_enumeration(cost[world], start)
        assert tuple(map(tuple, path[world].tolist())) == best
        assert float(minimum[world]) == pytest.approx(price, abs=1e-5)


def test_worlds_begin_where_they_are() -> None:
    cost = _volume(2)
    start = torch.tensor([(0, 0), (1, 1), (0, 2), (2, 2)])
    path, minimum = cheapest_path(cost, MOVES, start)
    for world in range(4):
        alone = slice(world, world + 1)
        own_path, own = cheapest_path(cost[alone], MOVES, start[alone])
        assert torch.equal(path[alone], own_path)
        assert torch.equal(minimum[alone], own)


def test_a_gap_in_a_wall_by_hand() -> None:
    """A wall that opens at y = 0 at the last instant: there, along the cheapest moves."""
    cost = torch.zeros(1, SIDE, SIDE, SIDE)
    cost[0, :, 0] = 1.0
    cost[0, :, 2] = 100.0
    cost[0, 2, 2, 0] = -50.0
    cost[0, 0, 1, 0] = 1.0
    path, minimum = cheapest_path(cost, MOVES, torch.tensor([(0, 1)]))
    assert path[0, [0, 2]].tolist() == [[1, 1], [2, 0]]
    # To the side while standing (0.35), then ahead (0.1); or wait, and then both at once (0.4).
    assert path[0, 1].tolist() == [1, 1]
    assert float(minimum) == pytest.approx(0.1 + 0.0 + 0.4 - 50.0, abs=1e-5)


def test_the_subgradient_counts_visits() -> None:
    """Of the max-margin loss, cost of the expert less the loss-augmented minimum: +1 and -1 a visit."""
    cost = _volume(3).requires_grad_()
    start = torch.tensor([(0, 1)] * 4)
    expert = torch.tensor([[(0, 1), (1, 1), (2, 1)]] * 4)
    margin = (_volume(4) > 0.0).float()
    path, minimum = cheapest_path(cost - margin, MOVES, start)
    loss = path_cost(cost, MOVES, start, expert) - minimum
    (gradient,) = torch.autograd.grad(loss.sum(), cost)
    visits = torch.zeros_like(gradient)
    for world, time in itertools.product(range(4), range(SIDE)):
        visits[world, time, *expert[world, time].tolist()] += 1.0
        visits[world, time, *path[world, time].tolist()] -= 1.0
    assert torch.equal(gradient, visits)
    assert (loss >= 0.0).all()


def test_the_subgradient_is_that_of_finite_differences() -> None:
    cost, start = _volume(5).double(), torch.tensor([(0, 1)] * 4)
    moves = MOVES.double()

    def minimum(volume: torch.Tensor) -> torch.Tensor:
        return cheapest_path(volume, moves, start)[1]

    assert torch.autograd.gradcheck(minimum, cost.requires_grad_(), eps=1e-4)
