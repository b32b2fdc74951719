from pathlib import Path

import numpy as np
import pytest

from drive.perception.logs.sweep_log import (
    LogInfo,
    SweepFrame,
    SweepLog,
    Truth,
    rows_of,
    write_log,
)
from sim.errors import InputError

INFO = LogInfo((0.5, 0.0, 1.7), (-0.5, 0.5))


def frame(time_s: float, point_m: np.ndarray, truth: Truth | None = None) -> SweepFrame:
    pose = np.eye(4)
    pose[0, 3] = 10.0 * time_s
    row = np.arange(len(point_m)) % 7
    return SweepFrame(time_s, point_m.astype(np.float32), row, pose, truth)


def test_what_is_stored_is_read_to_half_a_centimetre(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    clouds = [rng.uniform(-80.0, 80.0, (count, 3)) for count in (50, 0, 7)]
    truth = Truth(rng.normal(size=(2, 7)), np.array([4, 9]), np.array([30, 2]))
    frames = [frame(0.1 * k, cloud, truth if k == 2 else None) for k, cloud in enumerate(clouds)]
    log = write_log(tmp_path / "a", INFO, iter(frames))
    log = SweepLog(log.path)
    assert len(log) == 3 and log.name == "a" and log.info == INFO
    assert log.dt_s == pytest.approx(0.1)
    for number, cloud in enumerate(clouds):
        held = log.frame(number)
        assert np.abs(held.point_m - cloud).max(initial=0.0) <= 0.005 + 1e-5
        assert (held.row == np.arange(len(cloud)) % 7).all()
        assert held.world_SE3_ego[0, 3] == pytest.approx(number)
    assert log.frame(0).truth is None and log.has_truth
    last = log.frame(2).truth
    assert last is not None
    assert np.allclose(last.box, truth.box)
    assert last.track.tolist() == [4, 9] and last.points.tolist() == [30, 2]


def test_doubled_and_late_sweeps_and_points_that_are_none_are_left_out(tmp_path: Path) -> None:
    points = np.array([[1.0, 2.0, 3.0], [np.nan, 0.0, 0.0], [np.inf, 0.0, 0.0], [500.0, 0.0, 0.0]])
    times = (0.0, 0.1, 0.1, 0.05, 0.2)
    log = write_log(tmp_path / "a", INFO, (frame(t, points) for t in times))
    assert np.allclose(log.time_s, (0.0, 0.1, 0.2))
    assert [len(log.frame(k).point_m) for k in range(3)] == [1, 1, 1]


def test_a_drive_without_sweeps_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a: no sweeps"):
        write_log(tmp_path / "a", INFO, iter(()))
    assert list((tmp_path / "a").iterdir()) == []


def test_lasers_are_told_by_elevation() -> None:
    elevation = np.deg2rad(np.linspace(2.0, -24.0, 64))
    azimuth = np.linspace(-np.pi, np.pi, 100)[:, None]
    point = np.stack(
        np.broadcast_arrays(
            20.0 * np.cos(elevation) * np.cos(azimuth),
            20.0 * np.cos(elevation) * np.sin(azimuth),
            20.0 * np.sin(elevation),
        ),
        axis=-1,
    ).reshape(-1, 3)
    row = rows_of(point.astype(np.float32)).reshape(100, 64)
    assert (row == np.arange(64)).all()
    assert rows_of(np.zeros((0, 3), dtype=np.float32)).shape == (0,)
    assert rows_of(np.tile(np.float32([1, 0, 0]), (5, 1))).max() == 0  # one beam only
