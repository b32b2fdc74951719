"""Readers of real sweeps, and points counted in labelled boxes: the data sets' own counts."""

import csv
import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from sim.geometry.box import holds_points, points_in_boxes
from sim.sensors.pointcloud import NO_RING, read_argoverse2, read_kitti, read_nuscenes
from sim.sources.argoverse2.tracks import read_annotations
from sim.sources.unpickle import read_pickle
from tests.conftest import SHARED_DATA, needs_shared_data

NUSCENES = SHARED_DATA / "nuscenes_lidar_sample"
KITTI, DRIVE = SHARED_DATA / "kitti_object", SHARED_DATA / "kitti_raw_drive_0005"
AV2 = SHARED_DATA / "av2" / "adcf7d18-0510-35b0-a2fa-b4cea13a6d76"


def _count(xyz_m: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    return points_in_boxes(
        torch.from_numpy(xyz_m), torch.tensor(boxes, dtype=torch.float32)
    ).numpy()


def test_points_in_a_turned_box_by_hand() -> None:
    # 4 long, 2 wide, 1 high at (10, 5, 1), turned by 90 degrees: 2 along x, 4 along y.
    box = torch.tensor([[10.0, 5.0, 1.0, 4.0, 2.0, 1.0, np.pi / 2]])
    inside = [(10.0, 6.9, 1.0), (10.9, 5.0, 1.4), (9.1, 3.1, 0.6)]
    outside = [(11.1, 5.0, 1.0), (10.0, 7.1, 1.0), (10.0, 5.0, 1.6), (10.0, 5.0, 0.4)]
    points = torch.tensor(inside + outside)
    assert holds_points(points, box).tolist() == [[True] * 3 + [False] * 4]
    # Batched: the second world's box is elsewhere.
    boxes = torch.stack((box, box + torch.tensor((50.0, 0, 0, 0, 0, 0, 0))))
    assert points_in_boxes(torch.stack((points, points)), boxes).tolist() == [[3], [0]]


@needs_shared_data
def test_nuscenes_boxes_hold_the_recorded_number_of_points() -> None:
    sample = read_pickle(next(NUSCENES.glob("*.pkl")))["data_list"][0]
    ego_SE3_lidar = np.array(sample["lidar_points"]["lidar2ego"])
    path = NUSCENES / sample["lidar_points"]["lidar_path"]
    cloud = read_nuscenes(path, ego_SE3_lidar)
    assert len(cloud) == 34688 and np.bincount(cloud.ring).tolist() == [1084] * 32
    assert (
        cloud.xyz_m.dtype == np.float32 and 0 <= cloud.intensity.min() <= cloud.intensity.max() <= 1
    )
    boxes = np.array([one["bbox_3d"] for one in sample["instances"]])
    recorded = np.array([int(one["num_lidar_pts"]) for one in sample["instances"]])
    yaw = boxes[:, 6]
    ahead = np.stack((np.cos(yaw), np.sin(yaw), 0 * yaw), axis=1) @ ego_SE3_lidar[:3, :3].T
    boxes[:, :3] = boxes[:, :3] @ ego_SE3_lidar[:3, :3].T + ego_SE3_lidar[:3, 3]
    boxes[:, 6] = np.arctan2(ahead[:, 1], ahead[:, 0])
    counted = _count(cloud.xyz_m, boxes)
    assert len(boxes) == 69
    assert (np.abs(counted - recorded) <= 2).sum() >= 65
    # The calibrated sensor of the tables is this pose.
    table = json.loads((NUSCENES / "tables" / "calibrated_sensor.json").read_text())
    assert any(np.allclose(row["translation"], ego_SE3_lidar[:3, 3], atol=1e-4) for row in table)


@needs_shared_data
def test_argoverse2_boxes_hold_the_recorded_number_of_points() -> None:
    sweep = next((AV2 / "sensors" / "lidar").glob("*.feather"))
    cloud, labels = read_argoverse2(sweep), read_annotations(AV2)
    now = labels.time_ns == int(sweep.stem)
    yaw = 2 * np.arctan2(labels.quaternion[now, 3], labels.quaternion[now, 0])
    boxes = np.concatenate((labels.position_m[now], labels.size_m[now], yaw[:, None]), axis=1)
    counted = _count(cloud.xyz_m, boxes)
    assert len(boxes) == 47
    assert np.array_equal(counted, labels.num_points[now])
    assert (
        cloud.ring.max() == 63 and 0 <= cloud.time_offset_s.min() < cloud.time_offset_s.max() < 0.11
    )


@needs_shared_data
def test_kitti_drive_boxes_hold_about_the_recorded_number_of_points(tmp_path: Path) -> None:
    read_pcz = runpy.run_path(str(SHARED_DATA / "unpack_kitti.py"))["read_pcz"]
    with (DRIVE / "tracks_velodyne.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["frame"] == "30"]
    path = tmp_path / "0000000030.bin"
    read_pcz(DRIVE / "velodyne" / "0000000030.pcz").tofile(path)
    cloud = read_kitti(path)
    names = ("x", "y", "z", "length", "width", "height", "yaw")
    boxes = np.array([[float(row[name]) for name in names] for row in rows])
    recorded = np.array([int(row["num_points"]) for row in rows])
    assert len(rows) == 3 and recorded.min() > 100
    # How the file's points were counted is not said: it leaves out a few hundredths of ours.
    share = recorded / _count(cloud.xyz_m, boxes)
    assert (share > 0.85).all() and (share <= 1.0).all()
    assert (cloud.ring == NO_RING).all()


@needs_shared_data
def test_kitti_points_fall_into_the_labelled_boxes() -> None:
    """Camera-frame labels (x right, y down, z ahead; bottom centre) through the calibration."""
    for number in ("000000", "000001", "000002"):
        lines = (KITTI / "calib" / f"{number}.txt").read_text().splitlines()
        calib = dict(line.split(": ") for line in lines if ": " in line)
        rect, cam_SE3_velo = np.eye(4), np.eye(4)
        rect[:3, :3] = np.array(calib["R0_rect"].split(), dtype=float).reshape(3, 3)
        cam_SE3_velo[:3] = np.array(calib["Tr_velo_to_cam"].split(), dtype=float).reshape(3, 4)
        velo_SE3_rect = np.linalg.inv(rect @ cam_SE3_velo)
        cloud = read_kitti(KITTI / "velodyne" / f"{number}.bin")
        for line in (KITTI / "label_2" / f"{number}.txt").read_text().splitlines():
            kind, *values = line.split()
            if kind == "DontCare":
                continue
            height, width, length, x, y, z, turn = map(float, values[7:])
            center = velo_SE3_rect @ (x, y - height / 2, z, 1.0)
            # Without the lowest 0.3 m: no ground.
            box = np.array(
                [[*center[:2], center[2] + 0.15, length, width, height - 0.3, -turn - np.pi / 2]]
            )
            wide = box * np.array([1, 1, 1, 1.5, 1.5, 1, 1])
            inside, around = _count(cloud.xyz_m, box)[0], _count(cloud.xyz_m, wide)[0]
            assert inside >= 5, (number, line)
            assert inside > 0.6 * around, (number, line)


@pytest.mark.parametrize("size", [0, 30])
def test_truncated_sweeps_are_named(tmp_path: Path, size: int) -> None:
    path = tmp_path / "cut.bin"
    path.write_bytes(bytes(size))
    with pytest.raises(
        ValueError, match=rf"cut\.bin: {size} bytes .* 20 bytes .* {size // 20} points"
    ):
        read_nuscenes(path, np.eye(4))
    with pytest.raises(ValueError, match=rf"cut\.bin: {size} bytes .* 16 bytes"):
        read_kitti(path)
    with pytest.raises(ValueError, match=r"cut\.bin: not a whole feather file"):
        read_argoverse2(path)
    with pytest.raises(ValueError, match=r"none\.bin: cannot be read"):
        read_kitti(tmp_path / "none.bin")


def test_foreign_sweeps_are_named(tmp_path: Path) -> None:
    path = tmp_path / "five.bin"
    np.full((20, 4), 0.5, dtype="<f4").tofile(path)  # 320 bytes: also 16 points of five
    with pytest.raises(ValueError, match=r"five\.bin: ring of point 0 is 0\.5"):
        read_nuscenes(path, np.eye(4))
    np.full((4, 4), np.nan, dtype="<f4").tofile(path)
    with pytest.raises(ValueError, match=r"five\.bin: not a number at point 0 of 4"):
        read_kitti(path)
