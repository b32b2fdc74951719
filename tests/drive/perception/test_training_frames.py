"""How often labelled sweeps are shown, counted by hand."""

from pathlib import Path

import numpy as np

from drive.perception.labels import Labels
from drive.perception.logs.sweep_log import LogInfo, SweepFrame, SweepLog, write_log
from drive.perception.training_frames import LabelledFrames

CAR, PERSON, LORRY = (4.5, 1.9), (0.6, 0.5), (9.0, 2.5)


def _log(path: Path, frames: int) -> SweepLog:
    point, row = np.ones((1, 3), dtype=np.float32), np.zeros(1, dtype=np.int64)
    empty = (SweepFrame(0.1 * k, point, row, np.eye(4)) for k in range(frames))
    return write_log(path, LogInfo((0.0, 0.0, 1.7)), empty)


def _labels(*frames: list[tuple[float, float]]) -> Labels:
    boxes = [np.pad(np.array(sizes).reshape(-1, 2), ((0, 0), (3, 2))) for sizes in frames]
    return Labels.of_frames(boxes, [np.ones(len(each)) for each in boxes])


def test_sweeps_are_shown_more_often_the_rarer_those_in_them_are(tmp_path: Path) -> None:
    # 16 cars, 4 people, 1 lorry: the square roots of 16 / 4 and 16 / 1.
    logs = [_log(tmp_path / "one", 3), _log(tmp_path / "two", 2)]
    labels = [
        _labels([CAR] * 10, [CAR, PERSON], []),
        _labels([PERSON] * 3, [CAR] * 5 + [LORRY]),
    ]
    assert LabelledFrames(logs, labels).repeats().tolist() == [1, 2, 1, 2, 4]


def test_without_labels_all_are_shown_alike(tmp_path: Path) -> None:
    assert LabelledFrames([_log(tmp_path / "one", 2)], [_labels([], [])]).repeats().tolist() == [
        1,
        1,
    ]
