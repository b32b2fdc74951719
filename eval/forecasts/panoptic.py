"""Video panoptic quality (VPQ): do forecast instances cover the true ones, and stay who they are?

Kim et al. 2020 (Video Panoptic Segmentation), in the form that FIERY gave it for forecasts in bird's-eye
view: pooled over scenes and instants (Hu et al. 2021; `PanopticMetric` in `fiery/metrics.py`).
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

MATCH_IOU = 0.5  # more than this, so that an instance has one partner at most


def vpq_terms(
    instance: Int[Tensor, "b t x y"], true_instance: Int[Tensor, "b t x y"]
) -> tuple[Float[Tensor, "b t"], Float[Tensor, "b t"]]:
    """Numerator and denominator of VPQ at each instant: sum of IoU, and TP + FP / 2 + FN / 2.

    VPQ up to a horizon is the quotient of sums over scenes and instants. Instances are small whole
    numbers, 0 where nobody is, the same for one agent at all instants; forecast and truth have numbers of
    their own. A forecast and a true instance match at an instant where their IoU exceeds `MATCH_IOU`.
    A match with a partner other than the true instance's last one is no match: FP and FN.
    """
    iou, forecast_there, true_there = _pairs(instance, true_instance)
    match = iou > MATCH_IOU
    kept = match & ~_changed(match)
    # Forecast instances are TP or FP, true ones TP or FN: TP + FP / 2 + FN / 2 is half of all.
    half = 0.5 * (forecast_there.sum(dim=2) + true_there.sum(dim=2))
    return torch.where(kept, iou, 0.0).sum(dim=(2, 3)), half


def _pairs(
    instance: Int[Tensor, "b t x y"], true_instance: Int[Tensor, "b t x y"]
) -> tuple[Float[Tensor, "b t p q"], Bool[Tensor, "b t p"], Bool[Tensor, "b t q"]]:
    """IoU of each forecast instance with each true one; which are there. Number 1 is the first."""
    num_p, num_q = (max(int(numbers.max()), 1) + 1 for numbers in (instance, true_instance))
    pair = (instance.long() * num_q + true_instance).flatten(2)
    cells = torch.zeros(*pair.shape[:2], num_p * num_q, dtype=torch.int64, device=pair.device)
    both = cells.scatter_add(2, pair, torch.ones_like(pair)).unflatten(2, (num_p, num_q))
    forecast, true = both.sum(dim=3)[..., 1:], both.sum(dim=2)[..., 1:]
    both = both[..., 1:, 1:]
    either = forecast.unsqueeze(3) + true.unsqueeze(2) - both
    return both / either.clamp(min=1), forecast > 0, true > 0


def _changed(match: Bool[Tensor, "b t p q"]) -> Bool[Tensor, "b t 1 q"]:
    """Whether a true instance's partner is another than at the last instant when it had one."""
    matched, partner = match.any(dim=2), match.long().argmax(dim=2)
    instant = torch.arange(match.shape[1], device=match.device)[:, None]
    last = torch.where(matched, instant, 0).cummax(dim=1).values  # 0 before the first match
    before = torch.cat((last[:, :1], last[:, :-1]), dim=1)
    other = partner != partner.gather(1, before)
    had_one = matched.gather(1, before)
    return (matched & had_one & other).unsqueeze(2)
