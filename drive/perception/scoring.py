"""How good labels are where somebody annotated: precision, recall and average precision by range."""

from collections.abc import Iterable

import numpy as np
import torch

from drive.perception.labels import Labels
from drive.perception.logs.sweep_log import SweepLog, Truth
from eval.metrics.arc_contacts import contact_distances_m, contact_figures
from eval.metrics.detection import IOUS, RANGES_M, Matched, in_range, matched, nearness, overlaps

LEAST_POINTS = 5  # who threw back fewer returns need not be found
SURE = 0.3  # what is less sure stops nobody
CENTER_M = 2.0  # how near a centre has to be to a true one, as nuScenes counts them
_LIKENESSES = {f"iou{iou}": (overlaps, iou) for iou in IOUS} | {"center": (nearness, -CENTER_M)}


class Tally:
    """Detections of many frames against what was there, by likeness and range."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, tuple[float, float]], list[Matched]] = {
            (name, span): [] for name in _LIKENESSES for span in RANGES_M
        }
        self._contacts: list[tuple[torch.Tensor, torch.Tensor]] = []

    def add(self, log: SweepLog, labels: Labels) -> None:
        """All frames of a drive that are annotated."""
        for number in range(len(log)):
            truth = log.frame(number).truth
            if truth is not None:
                which = labels.of_frame(number)
                self.add_frame(
                    labels.box[which], labels.score[which], truth, log.info.annotated_rad
                )

    def add_frame(
        self,
        box: np.ndarray,
        score: np.ndarray,
        truth: Truth,
        annotated_rad: tuple[float, float],
    ) -> None:
        """One sweep. What lies in no annotated direction, or threw back too little, does not count."""
        found, true = torch.from_numpy(box).float(), torch.from_numpy(truth.box).float()
        sure = torch.from_numpy(score).float()
        seen = torch.from_numpy(truth.points >= LEAST_POINTS) & _annotated(true, annotated_rad)
        shown = _annotated(found, annotated_rad)
        surely = found[shown & (sure >= SURE)]
        self._contacts.append((contact_distances_m(surely), contact_distances_m(true[seen])))
        likeness = {like: like(found, true) for like in (overlaps, nearness)}
        for (name, span), parts in self._parts.items():
            like, at_least = _LIKENESSES[name]
            counts = seen & in_range(true, span), shown & in_range(found, span)
            parts.append(matched(likeness[like], sure, at_least, *counts))

    def figures(self) -> dict[str, dict[str, float]]:
        """By likeness and range, as `iou0.5 0-40 m`: precision, recall, average precision, how many.

        And how far one could drive along arcs, by what is found surely and in truth.
        """
        figures = {}
        for (name, (low, high)), parts in self._parts.items():
            all_frames = Matched.joined(parts) if parts else None
            if all_frames is None:
                continue
            figures[f"{name} {low:.0f}-{high:.0f} m"] = {
                "ap": all_frames.average_precision,
                "precision": all_frames.precision,
                "recall": all_frames.recall,
                "true": float(all_frames.true),
                "found": float(len(all_frames.score)),
            }
        if self._contacts:
            found, true = (
                torch.stack(distances) for distances in zip(*self._contacts, strict=True)
            )
            figures["contacts along arcs"] = contact_figures(found, true)
        return figures


def scored(pairs: Iterable[tuple[SweepLog, Labels]]) -> dict[str, dict[str, float]]:
    """The figures of many drives together; nothing where none is annotated."""
    tally = Tally()
    for log, labels in pairs:
        if log.has_truth:
            tally.add(log, labels)
    return tally.figures()


def _annotated(box: torch.Tensor, span_rad: tuple[float, float]) -> torch.Tensor:
    azimuth = torch.atan2(box[:, 1], box[:, 0])
    return (azimuth >= span_rad[0]) & (azimuth <= span_rad[1])
