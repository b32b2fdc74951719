"""Labelled sweeps as a detector's examples, read when they are asked for, and how often each is shown."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int

from drive.perception.detector.frames import TrainingFrame
from drive.perception.labels import Labels
from drive.perception.logs.sweep_log import SweepLog
from drive.perception.shapes import LARGE, kind_of

_LARGE_KIND = -1  # lorries and buses, which `kind_of` does not tell from cars


class LabelledFrames(Sequence[TrainingFrame]):
    """The sweeps of several drives with their labels, one after the other."""

    def __init__(self, logs: list[SweepLog], labels: list[Labels]) -> None:
        self._logs, self._labels = logs, labels
        self._first = np.concatenate(([0], np.cumsum([len(log) for log in logs])))

    @property
    def num_boxes(self) -> int:
        """Of all sweeps together."""
        return sum(len(labels.frame) for labels in self._labels)

    def repeats(self) -> Int[np.ndarray, " n"]:
        """How often each sweep is shown: once if all in it are of the commonest kind, by their sizes, else
        the square root of how much rarer the rarest is (Gupta et al., LVIS, CVPR 2019, section 4.1)."""
        size_m = np.concatenate([labels.box[:, 3:5] for labels in self._labels])
        kind = kind_of(torch.from_numpy(size_m)).numpy()
        kind = np.where(size_m[:, 0] > LARGE.length_m[0], _LARGE_KIND, kind)
        _, which, count = np.unique(kind, return_inverse=True, return_counts=True)
        often = np.round(np.sqrt(count.max(initial=1) / count)).astype(int)[which]
        frame = np.concatenate(
            [first + labels.frame for first, labels in zip(self._first, self._labels, strict=False)]
        )
        repeats = np.ones(len(self), dtype=int)
        np.maximum.at(repeats, frame, often)
        return repeats

    def __len__(self) -> int:
        return int(self._first[-1])

    def __getitem__(self, number: int) -> TrainingFrame:  # type: ignore[override]
        which = int(np.searchsorted(self._first, number, side="right")) - 1
        within = number - int(self._first[which])
        frame, labels = self._logs[which].frame(within), self._labels[which]
        box = labels.box[labels.of_frame(within)]
        return TrainingFrame(
            torch.from_numpy(frame.point_m),
            torch.from_numpy(frame.row),
            torch.from_numpy(box).float(),
            torch.tensor(self._logs[which].info.sensor_m),
        )
