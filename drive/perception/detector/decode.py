"""From what cells say to boxes: peaks, the surest of them, and of boxes that overlap the surest."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import max_pool2d

from drive.perception.detections import Detections
from drive.perception.detector.box_code import decode
from sim.geometry import box, overlap
from sim.geometry.grid import BevGrid

_MOST = 128  # boxes of a sweep
_LEAST_SCORE = 0.05
_SHARED_IOU = 0.1  # boxes that share more are of one road user


def detections(
    logit: Float[Tensor, "b u v"], code: Float[Tensor, "b u v 8"], cells: BevGrid
) -> Detections:
    """Those that the cells of a coarse grid say they hold."""
    score = torch.sigmoid(logit)
    peak = score == max_pool2d(score.unsqueeze(1), 3, 1, 1).squeeze(1)
    score = torch.where(peak & (score >= _LEAST_SCORE), score, 0.0).flatten(1)
    score, number = score.topk(min(_MOST, score.shape[1]), dim=1)
    said = torch.gather(code.flatten(1, 2), 1, number.unsqueeze(-1).expand(-1, -1, code.shape[-1]))
    boxes = decode(said, *cells.cell(number), cells)
    x, y = cells.cells(boxes[..., 0], boxes[..., 1])
    score = torch.where(cells.holds(x, y), score, 0.0)
    return suppressed(boxes, score, _SHARED_IOU)


def suppressed(
    boxes: Float[Tensor, "b k 7"], score: Float[Tensor, "b k"], most_iou: float
) -> Detections:
    """Without boxes that share more than `most_iou`, seen from above, with a surer one that stays."""
    order = score.argsort(dim=1, descending=True, stable=True)
    boxes = torch.gather(boxes, 1, order.unsqueeze(-1).expand_as(boxes))
    score = torch.gather(score, 1, order)
    stays = _greedy(_shares(boxes, score > 0.0, most_iou), score > 0.0)
    order = (~stays).long().argsort(dim=1, stable=True)
    boxes = torch.gather(boxes, 1, order.unsqueeze(-1).expand_as(boxes))
    return Detections(boxes, torch.gather(torch.where(stays, score, 0.0), 1, order))


def _shares(
    boxes: Float[Tensor, "b k 7"], there: Bool[Tensor, "b k"], most_iou: float
) -> Bool[Tensor, "b k k"]:
    """Whether box i, one of the surer ones, overlaps j by more than that."""
    reach_m = box.circumradius_m(boxes[..., 3:5])
    near = torch.cdist(boxes[..., :2], boxes[..., :2]) < reach_m.unsqueeze(2) + reach_m.unsqueeze(1)
    near = (near & there.unsqueeze(2) & there.unsqueeze(1)).triu(diagonal=1)
    sweep, i, j = near.nonzero(as_tuple=True)
    a, b = boxes[sweep, i], boxes[sweep, j]
    iou = overlap.iou(a[:, [0, 1, 6]], a[:, 3:5], b[:, [0, 1, 6]], b[:, 3:5])
    return near.index_put((sweep, i, j), iou > most_iou)


def _greedy(shares: Bool[Tensor, "b k k"], there: Bool[Tensor, "b k"]) -> Bool[Tensor, "b k"]:
    """A box stays if none that stays shares with it: the one answer, as whether j stays hangs on i < j alone.

    All sweeps at once; after n rounds the first n boxes are right, and mostly all are after two or three.
    """
    stays = there
    for _ in range(there.shape[1]):
        before, stays = stays, there & ~(shares & stays.unsqueeze(2)).any(dim=1)
        if torch.equal(before, stays):
            break
    return stays
