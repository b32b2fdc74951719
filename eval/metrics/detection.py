"""Detections seen from above against true boxes, whatever their class: average precision and recall.

As KITTI and OYSTER (Zhang et al., CVPR 2023) count them, in bins of range: by intersection over union, or
by the distance of centres as nuScenes does.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sim.geometry import overlap

IOUS = (0.3, 0.5, 0.7)
RANGES_M = ((0.0, 40.0), (40.0, 80.0))


@dataclass(frozen=True)
class Matched:
    """Detections of some frames: how sure each was, whether it was right; how many there were to find."""

    score: Float[Tensor, " d"]
    right: Bool[Tensor, " d"]
    true: int

    @staticmethod
    def joined(parts: "list[Matched]") -> "Matched":
        """Of all frames together."""
        return Matched(
            torch.cat([part.score for part in parts]),
            torch.cat([part.right for part in parts]),
            sum(part.true for part in parts),
        )

    @property
    def recall(self) -> float:
        """The share of the true ones that was found; NaN where there were none."""
        return float(self.right.sum()) / self.true if self.true else float("nan")

    @property
    def precision(self) -> float:
        """The share of the detections that was right; NaN without any."""
        return float(self.right.float().mean()) if len(self.right) else float("nan")

    @property
    def average_precision(self) -> float:
        """The area under precision over recall, precision being the best at that recall or more.

        NaN where there was nothing to find.
        """
        if not self.true:
            return float("nan")
        order = self.score.argsort(descending=True, stable=True)
        right = self.right[order].double().cumsum(0)
        precision = right / torch.arange(1, len(right) + 1)
        best = precision.flip(0).cummax(0).values.flip(0)
        gained = torch.diff(right / self.true, prepend=right.new_zeros(1))
        return float((best * gained).sum())


def overlaps(found: Float[Tensor, "k 7"], true: Float[Tensor, "n 7"]) -> Float[Tensor, "k n"]:
    """Intersection over union from above."""
    shape = (len(found), len(true))
    a, b = found.unsqueeze(1).expand(*shape, 7), true.unsqueeze(0).expand(*shape, 7)
    return overlap.iou(a[..., [0, 1, 6]], a[..., 3:5], b[..., [0, 1, 6]], b[..., 3:5])


def nearness(found: Float[Tensor, "k 7"], true: Float[Tensor, "n 7"]) -> Float[Tensor, "k n"]:
    """Minus the distance of centres in the plane, m: a likeness like `overlaps`."""
    return -torch.cdist(found[:, :2].double(), true[:, :2].double())


def matched(
    likeness: Float[Tensor, "k n"],
    score: Float[Tensor, " k"],
    at_least: float,
    true_counts: Bool[Tensor, " n"],
    found_counts: Bool[Tensor, " k"],
) -> Matched:
    """One frame's detections: the surest first, each takes the likest true box that is left.

    Boxes that do not count (too far, out of the annotated view) are neither to be found nor wrong to
    find: a detection that takes such a one is left out, as is one that takes none and does not
    count itself.
    """
    free = torch.ones_like(true_counts)
    keep, right = found_counts.clone(), torch.zeros_like(found_counts)
    order = score.argsort(descending=True, stable=True)
    for k in order[(likeness >= at_least).any(dim=1)[order]].tolist():
        like = torch.where(free, likeness[k], -torch.inf)
        best = int(like.argmax())
        if like[best] >= at_least:
            free[best] = False
            keep[k] = right[k] = true_counts[best]
    return Matched(score[keep], right[keep], int(true_counts.sum()))


def in_range(boxes: Float[Tensor, "k 7"], range_m: tuple[float, float]) -> Bool[Tensor, " k"]:
    """Whose centres are so far from the sensor."""
    distance = boxes[:, :2].norm(dim=1)
    return (distance >= range_m[0]) & (distance < range_m[1])
