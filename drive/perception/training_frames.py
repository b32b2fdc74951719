"""Labelled sweeps as a detector's examples, read when they are asked for."""

from collections.abc import Sequence

import numpy as np
import torch

from drive.perception.detector.frames import TrainingFrame
from drive.perception.labels import Labels
from drive.perception.logs.sweep_log import SweepLog


class LabelledFrames(Sequence[TrainingFrame]):
    """The sweeps of several drives, one after the other, with their labels; and boxes that are doubted."""

    def __init__(self, logs: list[SweepLog], labels: list[Labels], doubts: list[Labels]) -> None:
        self._logs, self._labels, self._doubts = logs, labels, doubts
        self._first = np.concatenate(([0], np.cumsum([len(log) for log in logs])))

    @property
    def num_boxes(self) -> int:
        """Of all sweeps together."""
        return sum(len(labels.frame) for labels in self._labels)

    def __len__(self) -> int:
        return int(self._first[-1])

    def __getitem__(self, number: int) -> TrainingFrame:  # type: ignore[override]
        which = int(np.searchsorted(self._first, number, side="right")) - 1
        within = number - int(self._first[which])
        frame, labels = self._logs[which].frame(within), self._labels[which]
        doubts = self._doubts[which]
        sure = labels.box[labels.of_frame(within)]
        box = np.concatenate((sure, doubts.box[doubts.of_frame(within)]))
        return TrainingFrame(
            torch.from_numpy(frame.point_m),
            torch.from_numpy(frame.row),
            torch.from_numpy(box).float(),
            torch.arange(len(box)) < len(sure),
            torch.tensor(self._logs[which].info.sensor_m),
        )
