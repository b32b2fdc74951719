"""A set of trajectories of which every recorded one is near to one (CoverNet, Phan-Minh et al. 2020)."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

_ROWS = 256  # of the table of distances, at once


def greedy_cover(
    trajectory_m: Float[Tensor, "k t 2"], epsilon_m: float, most: int
) -> Int[Tensor, " m"]:
    """Numbers of the trajectories that cover all: each is nowhere farther than `epsilon_m` from one.

    The one that covers most of what is not yet covered comes first, the lowest number among equals; it
    ends when all are covered, or with `most` of them.
    """
    near = _near(trajectory_m, epsilon_m)
    uncovered = torch.ones(len(near), dtype=torch.bool, device=near.device)
    chosen: list[int] = []
    while uncovered.any() and len(chosen) < most:
        best = int((near & uncovered).sum(dim=1).argmax())
        chosen.append(best)
        uncovered = uncovered & ~near[best]
    return torch.tensor(chosen, dtype=torch.long, device=near.device)


def _near(trajectory_m: Float[Tensor, "k t 2"], epsilon_m: float) -> Bool[Tensor, "k k"]:
    """Whether two trajectories are nowhere farther apart than `epsilon_m`."""
    instants = trajectory_m.transpose(0, 1)  # t k 2
    rows = []
    for part in instants.split(_ROWS, dim=1):
        apart = torch.cdist(part, instants, compute_mode="donot_use_mm_for_euclid_dist")
        rows.append(apart.amax(dim=0) <= epsilon_m)
    return torch.cat(rows)


def nearest_in_set(
    set_m: Float[Tensor, "m t 2"], truth_m: Float[Tensor, "b n t 2"], valid: Bool[Tensor, "b n t"]
) -> Int[Tensor, "b n"]:
    """Which of the set is nearest to what happened, on average over the valid instants."""
    gap = (set_m[:, None, None] - truth_m).norm(dim=-1)  # m b n t
    return torch.where(valid, gap, 0.0).sum(dim=-1).argmin(dim=0)
