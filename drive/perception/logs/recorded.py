"""Recorded drives as sweeps: KITTI's drives, nuScenes' scenes, Argoverse 2's logs, single files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from drive.perception.logs.odometry import poses_by_odometry
from drive.perception.logs.sweep_log import LogInfo, SweepFrame, Truth, rows_of
from sim.errors import InputError
from sim.scenario import EGO, Scenario
from sim.sensors.pointcloud import NO_RING, PointCloud, read_kitti
from sim.sources.sweep_file import KITTI_HEIGHT_M, NUSCENES_MOUNT
from sim.text_files import read_numbers, read_text

KITTI_SENSOR_M = (0.0, 0.0, KITTI_HEIGHT_M)
_KITTI_DT_S = 0.1
_KITTI_CAMERA_RAD = (-0.66, 0.66)  # what the front camera shows: only there KITTI has boxes
_SWEEPS = ("", "velodyne", "velodyne_points/data")
_POSES = ("poses.txt", "poses_velo0_from_velo.txt")
_TRACKS = "tracks_velodyne.csv"
NUSCENES_SENSOR_M = (NUSCENES_MOUNT[0], 0.0, NUSCENES_MOUNT[1])
ARGOVERSE2_SENSOR_M = (1.35, 0.0, 1.7)
_SAME_TIME_S = 0.051  # a sweep has the boxes of an instant that is no further away


def kitti_files(path: Path) -> list[Path]:
    """The sweeps of a drive, by number; none where the folder is no drive."""
    for folder in _SWEEPS:
        files = sorted((path / folder).glob("*.bin"))
        if files:
            return files
    return []


def kitti_sweeps(path: Path) -> Iterator[SweepFrame]:
    """A drive of KITTI: `.bin` files in it, in velodyne/ or in velodyne_points/data/.

    Poses: `poses.txt`, a row of 12 numbers a sweep, that move its points to where the first sweep was;
    without it by odometry. Boxes: `tracks_velodyne.csv` (frame, track_id, x ... yaw, num_points).
    """
    files = kitti_files(path)
    pose = _kitti_poses(path, files)
    truth = _kitti_truth(path)
    for number, file in enumerate(files):
        cloud = read_kitti(file)
        point = cloud.xyz_m + np.array((0.0, 0.0, KITTI_SENSOR_M[2]), dtype=np.float32)
        told = None if truth is None else truth.get(number, _nobody())
        yield SweepFrame(number * _KITTI_DT_S, point, _rows(cloud), pose[number], told)


def kitti_info(path: Path) -> LogInfo:
    """Where the sensor is, and where boxes are."""
    annotated = (path / _TRACKS).is_file()
    return LogInfo(KITTI_SENSOR_M, _KITTI_CAMERA_RAD) if annotated else LogInfo(KITTI_SENSOR_M)


def scenario_sweeps(
    scenario: Scenario,
    sweeps: Sequence[Any],
    raised_m: float,
) -> Iterator[SweepFrame]:
    """The sweeps that belong to a recorded scenario (`RecordedPoints` says what one is).

    `raised_m`: of the data set's ego frame over the ground.
    """
    for sweep in sweeps:
        cloud: PointCloud = sweep.read()
        point = cloud.xyz_m + np.array((0.0, 0.0, raised_m), dtype=np.float32)
        truth = _scenario_truth(scenario, sweep.time_s, sweep.world_SE3_ego, raised_m, point)
        yield SweepFrame(sweep.time_s, point, _rows(cloud), sweep.world_SE3_ego, truth)


def _scenario_truth(
    scenario: Scenario,
    time_s: float,
    world_SE3_ego: Float[np.ndarray, "4 4"],
    raised_m: float,
    point_m: Float[np.ndarray, "n 3"],
) -> Truth | None:
    """The boxes of the key frame at this time; None where there is none."""
    instant = round(time_s / scenario.dt_s)
    if not 0 <= instant < scenario.num_instants or not scenario.keyframe[instant]:
        return None
    if abs(instant * scenario.dt_s - time_s) > _SAME_TIME_S:
        return None
    tracks = scenario.tracks
    there = tracks.valid[:, instant].copy()
    there[EGO] = False
    who = np.flatnonzero(there)
    turn = world_SE3_ego[:3, :3]
    center = (tracks.position_m[who, instant] - world_SE3_ego[:3, 3]) @ turn
    center[:, 2] += raised_m
    yaw = tracks.yaw_rad[who, instant] - np.arctan2(turn[1, 0], turn[0, 0])
    box = np.concatenate((center, tracks.size_m[who], yaw[:, None]), axis=1)
    return Truth(box, who, count_points(point_m, box))


def count_points(point_m: Float[np.ndarray, "n 3"], box: Float[np.ndarray, "k 7"]) -> np.ndarray:
    """How many returns lie in each box."""
    import torch

    from sim.geometry.box import holds_points

    if not len(box):
        return np.zeros(0, dtype=np.int64)
    inside = holds_points(torch.from_numpy(point_m).float(), torch.from_numpy(box).float())
    return inside.sum(dim=1).numpy()


def _rows(cloud: PointCloud) -> np.ndarray:
    """Only KITTI's files do not tell, and their points are as the sensor sees them."""
    told = len(cloud) and cloud.ring[0] != NO_RING
    return cloud.ring if told else rows_of(cloud.xyz_m)


def _nobody() -> Truth:
    return Truth(np.zeros((0, 7)), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def _kitti_poses(path: Path, files: list[Path]) -> Float[np.ndarray, "f 4 4"]:
    name = next((path / name for name in _POSES if (path / name).is_file()), None)
    if name is None:
        rows = poses_by_odometry(path, files)[:, :3]
        return _on_ground(rows)
    lines = [line.split() for line in read_text(name).splitlines() if line.strip()]
    try:
        rows = np.array(lines, dtype=np.float64).reshape(len(lines), 3, 4)
    except ValueError:
        raise InputError(f"{name}: not 12 numbers a line") from None
    if len(rows) < len(files):
        raise InputError(f"{name}: {len(rows)} poses of {len(files)} sweeps")
    return _on_ground(rows)


def _on_ground(rows: Float[np.ndarray, "f 3 4"]) -> Float[np.ndarray, "f 4 4"]:
    """Poses of the sensor as poses of the ego's frame, on the ground below it."""
    below = np.array(KITTI_SENSOR_M)
    pose = np.tile(np.eye(4), (len(rows), 1, 1))
    pose[:, :3, :3] = rows[:, :, :3]
    pose[:, :3, 3] = rows[:, :, 3] + below - rows[:, :, :3] @ below
    return pose


def _kitti_truth(path: Path) -> dict[int, Truth] | None:
    """Boxes by number of the sweep; None where the drive has none."""
    file = path / _TRACKS
    if not file.is_file():
        return None
    names = ("x", "y", "z", "length", "width", "height", "yaw")
    table = read_numbers(file, ("frame", "track_id", "num_points", *names))
    box = np.stack([table[name] for name in names], axis=1)
    box[:, 2] += KITTI_SENSOR_M[2]
    frame = table["frame"].astype(np.int64)
    whole = {name: table[name].astype(np.int64) for name in ("track_id", "num_points")}
    return {
        int(number): Truth(
            box[frame == number],
            whole["track_id"][frame == number],
            whole["num_points"][frame == number],
        )
        for number in np.unique(frame)
    }
