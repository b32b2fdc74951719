"""The stages of `bevdrive discover` that make labels, by name: what a worker does with one drive."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from drive.perception.labels import Labels, apart, beside, read_labels, write_labels
from drive.perception.logs.sweep_log import SweepLog
from drive.pipelines.discover_config import DiscoverConfig
from drive.pipelines.jobs import tell

LEAST_SCORE = 0.05  # of what is kept: average precision needs the unsure ones too
_DOUBTED = 0.15  # a score; beyond the first labels' range


def labels_path(out: Path, stage: str, log: SweepLog) -> Path:
    """The file of one stage and drive."""
    return out / "labels" / stage / f"{log.name}.parquet"


def make_labels(config: DiscoverConfig, log: SweepLog, stage: str) -> None:
    """What a worker does: one stage of one drive."""
    import torch

    torch.set_num_threads(1)
    assert config.out is not None
    name, number = stage.rstrip("0123456789"), stage.lstrip("abcdefghijklmnopqrstuvwxyz")
    labels = _STAGES[name](config, log, number)
    write_labels(labels_path(config.out, stage, log), labels)


def _clusters(config: DiscoverConfig, log: SweepLog, number: str) -> Labels:
    from drive.perception.clusters import ClusterBounds
    from drive.perception.stages import clustered

    return clustered(log, ClusterBounds(), _teller(log))


def _tracks(config: DiscoverConfig, log: SweepLog, number: str) -> Labels:
    from drive.perception.stages import followed, tracks_as_labels

    found = stage_labels(config, log, "cluster")
    return tracks_as_labels(log, found, followed(log, found))


def _plausible(config: DiscoverConfig, log: SweepLog, number: str) -> Labels:
    return _filtered(config, log, "cluster", whole=False)


def _labels(config: DiscoverConfig, log: SweepLog, number: str) -> Labels:
    """The first labels; numbered: beside them those that a round's detections give elsewhere.

    Near the sensor the boxes of a detector that was trained on the first labels are no better than these.
    """
    if not number:
        return _filtered(config, log, "cluster", whole=True)
    found = _filtered(config, log, f"detect{number}", whole=True)
    return beside(stage_labels(config, log, "label"), found)


def _filtered(config: DiscoverConfig, log: SweepLog, stage: str, whole: bool) -> Labels:
    from drive.perception.stages import followed, kept, tracks_as_labels
    from drive.perception.track_filter import TrackBounds

    found = stage_labels(config, log, stage)
    if stage != "cluster":
        found = found.chosen(found.score >= config.least_score)
    pairs = kept(log, followed(log, found), TrackBounds())
    return tracks_as_labels(log, found, [body if whole else track for track, body in pairs])


def _detections(config: DiscoverConfig, log: SweepLog, number: str) -> Labels:
    from drive.networks.weights import load_network
    from drive.perception.detector.network import FAR_M, Detector, square_grid
    from drive.perception.stages import detected

    assert config.out is not None
    weights = config.weights or str(config.out / f"round{number}")
    detector, _ = load_network(Detector, weights)
    return detected(log, detector, square_grid(FAR_M), LEAST_SCORE, _teller(log))


def _teller(log: SweepLog) -> Callable[[int], None]:
    """Tells which of its sweeps is done."""
    return lambda number: tell(number + 1.0, float(len(log)))


_STAGES = {
    "cluster": _clusters,
    "track": _tracks,
    "filter": _plausible,
    "label": _labels,
    "detect": _detections,
}


def stage_labels(config: DiscoverConfig, log: SweepLog, stage: str) -> Labels:
    """What an earlier stage found in a drive."""
    assert config.out is not None
    return read_labels(labels_path(config.out, stage, log))


def doubted(config: DiscoverConfig, log: SweepLog, number: int) -> Labels:
    """What training `number` is to take neither for road users nor for nobody.

    Beyond the range of the first labels nobody has looked but the detector of the round before: what that
    doubts is not in its labels, and some of it is somebody.
    """
    from drive.perception.clusters import ClusterBounds

    if not number:
        return Labels.of_frames([], [])
    found = stage_labels(config, log, f"detect{number - 1}")
    far = np.linalg.norm(found.box[:, :2], axis=1) > ClusterBounds().range_m
    unsure = found.chosen(far & (found.score >= _DOUBTED))
    return apart(stage_labels(config, log, f"label{number - 1}"), unsure)
