"""KITTI's real drive against its own annotations."""

import importlib.util
import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import KDTree

from drive.perception.logs.odometry import poses_by_odometry
from drive.perception.logs.recorded import count_points, kitti_files, kitti_info, kitti_sweeps
from drive.perception.logs.sweep_log import SweepFrame
from sim.errors import InputError
from tests.conftest import SHARED_DATA, needs_shared_data

DRIVE = SHARED_DATA / "kitti_raw_drive_0005"


def unpacked(folder: Path, count: int) -> Path:
    """The first sweeps of the drive as KITTI has them."""
    spec = importlib.util.spec_from_file_location("unpack_kitti", SHARED_DATA / "unpack_kitti.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (folder / "velodyne").mkdir(parents=True)
    for packed in sorted((DRIVE / "velodyne").glob("*.pcz"))[:count]:
        module.read_pcz(packed).tofile(folder / "velodyne" / f"{packed.stem}.bin")
    for name in ("poses_velo0_from_velo.txt", "tracks_velodyne.csv"):
        shutil.copy(DRIVE / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(tmp_path_factory.mktemp("kitti") / "drive", 6)


@needs_shared_data
def test_boxes_hold_the_points_that_the_annotation_says(drive: Path) -> None:
    for frame in kitti_sweeps(drive):
        assert frame.truth is not None and len(frame.truth.box) > 0
        held = count_points(frame.point_m, frame.truth.box)
        assert np.allclose(held, frame.truth.points, rtol=0.25, atol=5)  # some of the ground too
        assert frame.row.min() >= 0 and frame.row.max() == 63


@needs_shared_data
def test_the_ground_is_at_zero_and_what_stands_stays_where_it_is(drive: Path) -> None:
    frames = list(kitti_sweeps(drive))
    for frame in frames:
        near = np.hypot(*frame.point_m[:, :2].T) < 12.0
        assert abs(np.quantile(frame.point_m[near, 2], 0.2)) < 0.25  # 1.73 m is nominal

    def in_world(frame: SweepFrame) -> np.ndarray:
        walls = frame.point_m[frame.point_m[:, 2] > 1.0][::20]
        pose = frame.world_SE3_ego
        return walls @ pose[:3, :3].T + pose[:3, 3]

    # Half a second later the ego is 2 m farther on; the walls are where they were.
    first, last = frames[0], frames[-1]
    assert np.linalg.norm(last.world_SE3_ego[:3, 3]) > 1.5
    tree = KDTree(first.point_m[first.point_m[:, 2] > 1.0])
    moved_m = np.median(tree.query(in_world(last))[0])
    unmoved_m = np.median(tree.query(in_world(replace(last, world_SE3_ego=np.eye(4))))[0])
    assert moved_m < 0.1 < unmoved_m


@needs_shared_data
def test_only_what_the_camera_saw_is_annotated(drive: Path) -> None:
    low, high = kitti_info(drive).annotated_rad
    for frame in islice(kitti_sweeps(drive), 2):
        assert frame.truth is not None
        azimuth = np.arctan2(frame.truth.box[:, 1], frame.truth.box[:, 0])
        assert ((azimuth > low - 0.15) & (azimuth < high + 0.15)).all()


@needs_shared_data
def test_damaged_and_missing_poses_are_named(drive: Path, tmp_path: Path) -> None:
    copy = tmp_path / "drive"
    shutil.copytree(drive, copy)
    poses = copy / "poses_velo0_from_velo.txt"
    poses.write_text("1 0 0 0 0 1 0 0 0 0 1 0\n")
    with pytest.raises(InputError, match=r"poses_velo0_from_velo\.txt: 1 poses of 6 sweeps"):
        list(kitti_sweeps(copy))
    poses.write_text("1 0 0\n" * 6)
    with pytest.raises(InputError, match="not 12 numbers a line"):
        list(kitti_sweeps(copy))
    poses.unlink()
    if importlib.util.find_spec("kiss_icp") is None:
        with pytest.raises(InputError, match="kiss-icp"):
            list(kitti_sweeps(copy))
    assert kitti_files(tmp_path) == []


@needs_shared_data
def test_odometry_finds_the_poses_that_were_given(drive: Path) -> None:
    pytest.importorskip("kiss_icp")
    found = poses_by_odometry(drive, kitti_files(drive))
    given = np.loadtxt(drive / "poses_velo0_from_velo.txt").reshape(-1, 3, 4)[:6]
    np.testing.assert_allclose(found[:, :3, 3], given[:, :, 3], atol=0.02)
