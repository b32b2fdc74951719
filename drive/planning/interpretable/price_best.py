"""Prices of the cheapest of many candidates, without pricing them all (branch and bound)."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

_AT_ONCE = 128  # candidates of a world
_CALL = 256  # candidates of all worlds, at least: a call for fewer takes longer than its arithmetic

Price = Callable[[Int[Tensor, " w"], Int[Tensor, "w m"]], Float[Tensor, "w m"]]
"""what M candidates of each of W worlds cost, given the numbers of both"""


def price_best(least: Float[Tensor, "b k"], price: Price, best: int) -> Float[Tensor, "b k"]:
    """What each candidate costs: all of it for the `best` cheapest of each world, or `least`, if that alone
    is more than these cost.

    `least` is no more than the whole price. Those for which it is least are asked first, some at a time,
    until none of the others can be among the best; a world that is done is not asked again.
    """
    rising, order = least.sort(dim=1)
    bound = torch.nn.functional.pad(rising, (0, 1), value=torch.inf)
    cost, number = least.clone(), least.shape[1]
    world, asked, best = torch.arange(len(least), device=least.device), 0, min(best, number)
    while len(world):
        then = min(asked + max(_AT_ONCE, _CALL // len(world)), number)
        row, index = world.unsqueeze(1), order[world, asked:then]
        cost[row, index] = price(world, index)
        asked = then
        if asked >= best:
            enough = cost[row, order[world, :asked]].kthvalue(best, dim=1).values
            world = world[enough > bound[world, asked]]
    return cost
