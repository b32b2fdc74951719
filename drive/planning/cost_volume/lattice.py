"""The cheapest path through a cost volume: exact dynamic programming over its cells.

Loss-augmented inference of max-margin planning is the same on `cost - margin`.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def cheapest_path(
    cost: Float[Tensor, "b t x y"],
    move_cost: Float[Tensor, "*bt dx dy"],
    start: Int[Tensor, "b 2"],
) -> tuple[Int[Tensor, "b t 2"], Float[Tensor, " b"]]:
    """The path of cells that minimises `path_cost`, and that minimum.

    Each step moves dx in {0, 1, ...} cells along x and dy in {-R, ..., R} along y, where `move_cost` has
    R cells on either side of its middle column, for all worlds and steps or for each its own; inf forbids
    a move. Paths do not leave the grid, so where the edge may be reached standing has to be allowed:
    nothing else may be left. Bellman's recursion backwards,

        V_t(cell) = min over moves of  cost_t(cell + move) + move_cost_t(move) + V_t+1(cell + move),

    then the moves that attain it from the start on. The minimum is differentiable: its (sub)gradient
    by `cost` is one for each cell of the path.
    """
    with torch.no_grad():
        path = _walked(start, _best_moves(cost, move_cost), move_cost.shape[-1])
    return path, path_cost(cost, move_cost, start, path)


def path_cost(
    cost: Float[Tensor, "b t x y"],
    move_cost: Float[Tensor, "*bt dx dy"],
    start: Int[Tensor, "b 2"],
    path: Int[Tensor, "b t 2"],
) -> Float[Tensor, " b"]:
    """The sum over t of what cell t costs at t and what the move to it costs; from `start`, which is free."""
    row = torch.arange(len(path), device=path.device).unsqueeze(1)
    time = torch.arange(path.shape[1], device=path.device)
    dx, dy = torch.diff(path, dim=1, prepend=start.unsqueeze(1)).unbind(-1)
    passed = cost[row, time, path[..., 0], path[..., 1]]
    moved = _each(move_cost, cost)[row, time, dx, dy + move_cost.shape[-1] // 2]
    return (passed + moved).sum(dim=1)


def _each(move_cost: Tensor, cost: Tensor) -> Float[Tensor, "b t dx dy"]:
    """For every world and step."""
    return move_cost.expand(*cost.shape[:2], *move_cost.shape[-2:])


def _best_moves(cost: Tensor, move_cost: Tensor) -> Int[Tensor, "b t x y"]:
    """For each cell before each step the number of the best move from it in `move_cost`."""
    most_dx, most_dy = move_cost.shape[-2] - 1, move_cost.shape[-1] // 2
    to_go = torch.zeros_like(cost[:, 0])
    moves = []
    steps = zip(cost.unbind(1), _each(move_cost, cost).unbind(1), strict=True)
    for here, move in reversed(list(steps)):
        padding = (most_dy, most_dy, 0, most_dx)
        there = torch.nn.functional.pad(here + to_go, padding, value=torch.inf)
        reached = there.unfold(1, most_dx + 1, 1).unfold(2, 2 * most_dy + 1, 1)
        to_go, best = (reached + move[:, None, None]).flatten(-2).min(dim=-1)
        moves.append(best)
    return torch.stack(moves[::-1], dim=1)


def _walked(
    start: Int[Tensor, "b 2"], moves: Int[Tensor, "b t x y"], num_dy: int
) -> Int[Tensor, "b t 2"]:
    """The cells that the best moves lead to."""
    row = torch.arange(len(start), device=start.device)
    cell, path = start, []
    for best in moves.unbind(1):
        move = best[row, cell[:, 0], cell[:, 1]]
        cell = cell + torch.stack((move // num_dy, move % num_dy - num_dy // 2), dim=-1)
        path.append(cell)
    return torch.stack(path, dim=1)
