"""Who is found as which box: cheap pairs first, in many worlds at once."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

NOBODY = -1
_ROUNDS = 8  # enough for seven to make way for one another in turn


def mutual_best(cost: Float[Tensor, "b n k"]) -> Int[Tensor, "b n"]:
    """For each of N the one of K that it is paired with, or `NOBODY`; infinite costs pair nobody.

    In each round those pair up who are each other's cheapest. To the end that gives the pairs of who takes
    the cheapest pair of all first, then the cheapest of the rest.
    """
    rows = torch.arange(cost.shape[1], device=cost.device)
    columns = torch.arange(cost.shape[2], device=cost.device)
    found = torch.full_like(cost[..., 0], NOBODY, dtype=torch.long)
    for _ in range(_ROUNDS):
        lowest, best = cost.min(dim=2)
        mutual = (cost.argmin(dim=1).gather(1, best) == rows) & torch.isfinite(lowest)
        found = torch.where(mutual, best, found)
        pair = mutual.unsqueeze(2) & (best.unsqueeze(2) == columns)
        taken = pair.any(dim=1, keepdim=True) | pair.any(dim=2, keepdim=True)
        cost = torch.where(taken, torch.inf, cost)
    return found
