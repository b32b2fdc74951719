"""Forecast occupancy and motion against the true ones, on the cells of a BEV grid.

Each function gives numerator and denominator for every grid (scene, class, horizon: `*c`). Added up over
scenes and then divided, they are figures pooled over the data (FIERY's IoU); divided first, figures of
one scene, of which Waymo's challenge takes the mean over those with anything in them.
Area under precision and recall, and calibration: `calibration.py`, with cells as its last axis.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

OCCUPIED = 0.5  # cells more probable than this are forecast as occupied


def iou_terms(
    probability: Float[Tensor, "*c x y"], occupied: Bool[Tensor, "*c x y"]
) -> tuple[Int[Tensor, "*c"], Int[Tensor, "*c"]]:
    """IoU: cells in both the forecast and the truth, over cells in either (Hu et al. 2021, FIERY)."""
    forecast = probability > OCCUPIED
    both, either = forecast & occupied, forecast | occupied
    return both.sum(dim=(-2, -1)), either.sum(dim=(-2, -1))


def soft_iou_terms(
    probability: Float[Tensor, "*c x y"], occupied: Bool[Tensor, "*c x y"]
) -> tuple[Float[Tensor, "*c"], Float[Tensor, "*c"]]:
    """Soft IoU: sum of p o over sum of p + o - p o, with o = 1 in occupied cells, else 0.

    Of Waymo's Occupancy Flow challenge (`occupancy_flow_metrics.py`; Mahjourian et al. 2022).
    """
    truth = occupied.to(probability.dtype)
    both = (probability * truth).sum(dim=(-2, -1))
    return both, (probability + truth).sum(dim=(-2, -1)) - both


def flow_error_terms(
    flow: Float[Tensor, "*c x y 2"],
    true_flow: Float[Tensor, "*c x y 2"],
    counts: Bool[Tensor, "*c x y"],
) -> tuple[Float[Tensor, "*c"], Int[Tensor, "*c"]]:
    """Flow end-point error: distances between the ends of two arrows, summed, and their number.

    In the unit of the flow. Waymo's challenge (as above) counts the cells whose true flow is not zero:
    `(true_flow != 0).any(-1)`.
    """
    error = torch.linalg.vector_norm(flow - true_flow, dim=-1)
    return torch.where(counts, error, 0.0).sum(dim=(-2, -1)), counts.sum(dim=(-2, -1))
