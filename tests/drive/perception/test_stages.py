"""The stages together, on a made drive: a car that stands, one that drives, a ghost, a wall."""

import numpy as np
import pytest
import torch

from drive.perception.clusters import ClusterBounds
from drive.perception.detections import Detections
from drive.perception.logs.sweep_log import LogInfo, SweepFrame, SweepLog, write_log
from drive.perception.stages import (
    cluster_boxes,
    clustered,
    detected,
    followed,
    kept,
    tracks_as_labels,
)
from drive.perception.track_filter import TrackBounds
from sim.geometry.grid import BevGrid

SENSOR_M = (0.0, 0.0, 1.7)
FRAMES, DT_S, EGO_MPS = 25, 0.1, 4.0
GRID = BevGrid(-8.0, -8.0, 0.2, 80, 80)


def shell(box: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Points on the two sides of a box that a sensor at the origin sees."""
    x, y, z, length, width, height, yaw = box
    u = rng.uniform(-0.5, 0.5, (300, 2))
    toward_x, toward_y = -np.sign(x) * 0.5, -np.sign(y) * 0.5
    side = np.where(
        (np.arange(300) % 2 == 0)[:, None],
        np.stack((u[:, 0], np.full(300, toward_y)), axis=1),
        np.stack((np.full(300, toward_x), u[:, 0]), axis=1),
    )
    assert yaw == 0.0
    return np.column_stack((x + length * side[:, 0], y + width * side[:, 1], z + height * u[:, 1]))


def ground(rng: np.random.Generator) -> np.ndarray:
    place = rng.uniform(-30.0, 30.0, (6000, 2))
    return np.column_stack((place, rng.normal(0.0, 0.01, 6000)))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> SweepLog:
    rng = np.random.default_rng(0)

    def frame(number: int) -> SweepFrame:
        time_s = DT_S * number
        pose = np.eye(4)
        pose[0, 3] = EGO_MPS * time_s
        stands = np.array([14.0 - pose[0, 3], 6.0, 0.9, 4.2, 1.8, 1.4, 0.0])
        drives = np.array([-15.0 + (9.0 - EGO_MPS) * time_s, -5.0, 0.9, 4.2, 1.8, 1.4, 0.0])
        parts = [ground(rng), shell(stands, rng), shell(drives, rng)]
        if number == 7:
            parts.append(shell(np.array([8.0, -14.0, 0.9, 2.0, 1.0, 1.2, 0.0]), rng))
        wall = np.column_stack((np.linspace(-25.0, 25.0, 400), np.full(400, 20.0)))
        parts.append(np.column_stack((wall, rng.uniform(0.3, 2.0, 400))))
        points = np.concatenate(parts).astype(np.float32)
        return SweepFrame(time_s, points, np.zeros(len(points), dtype=np.int64), pose)

    path = tmp_path_factory.mktemp("logs") / "made"
    return write_log(path, LogInfo(SENSOR_M), (frame(number) for number in range(FRAMES)))


def test_from_sweeps_to_labels(log: SweepLog) -> None:
    found = clustered(log, ClusterBounds(), lambda number: None)
    assert (np.bincount(found.frame, minlength=FRAMES) >= 2).all()
    pairs = kept(log, followed(log, found), TrackBounds())
    labels = tracks_as_labels(log, found, [body for _, body in pairs])
    assert len(pairs) == 2  # neither the ghost nor the wall
    assert (np.bincount(labels.frame) == 2).all()
    boxes = labels.box[labels.track == labels.track[labels.box[:, 1] > 0][0]]
    np.testing.assert_allclose(boxes[:, 0], 14.0 - EGO_MPS * log.time_s, atol=0.15)
    np.testing.assert_allclose(boxes[:, 1], 6.0, atol=0.15)
    np.testing.assert_allclose(boxes[:, 3:5], np.tile([4.2, 1.8], (FRAMES, 1)), atol=0.15)
    assert np.abs(np.sin(boxes[:, 6])).max() < 0.05


def test_the_same_again(log: SweepLog) -> None:
    first, again = (clustered(log, ClusterBounds(), lambda number: None) for _ in range(2))
    assert (first.box == again.box).all() and (first.frame == again.frame).all()


@pytest.mark.parametrize("what", ["empty", "nan", "one beam", "one point"])
def test_sweeps_that_show_nothing(what: str) -> None:
    turn = np.linspace(-np.pi, np.pi, 200)
    beam = np.column_stack((20.0 * np.cos(turn), 20.0 * np.sin(turn), np.full(200, 0.02)))
    sweep = {
        "empty": np.zeros((0, 3)),
        "nan": np.full((50, 3), np.nan),
        "one beam": beam,
        "one point": beam[:1],
    }[what]
    boxes = cluster_boxes(sweep.astype(np.float32), SENSOR_M, ClusterBounds())
    assert boxes.shape == (0, 7)


class _Twice:
    """Says the same in every sweep: one sure, one not, one that is none."""

    def detect(self, point_m: torch.Tensor, valid: torch.Tensor, grid: BevGrid) -> Detections:
        box = torch.arange(21.0).reshape(1, 3, 7)
        return Detections(box, torch.tensor([[0.9, 0.2, 0.0]]))


def test_what_a_detector_finds_is_kept_from_a_score_on(log: SweepLog) -> None:
    labels = detected(log, _Twice(), GRID, 0.1, lambda number: None)
    assert len(labels.frame) == 2 * FRAMES
    assert set(labels.score.round(3).tolist()) == {0.9, 0.2}
    assert len(detected(log, _Twice(), GRID, 0.5, lambda number: None).frame) == FRAMES
