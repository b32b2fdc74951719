"""The LIDAR_TOP sweeps of a scene with their recorded times and poses; points are read on demand."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from sim.sensors.pointcloud import PointCloud, read_nuscenes

if TYPE_CHECKING:
    from nuscenes import NuScenes


@dataclass(frozen=True)
class Sweep:
    """One sweep, and the pose of the ego at its time."""

    path: Path
    time_us: int
    time_s: float  # since the scene's first key frame
    is_keyframe: bool
    world_SE3_ego: Float[
        np.ndarray, "4 4"
    ]  # scenario frame; nuScenes' ego frame: rear axle, on the ground
    ego_SE3_sensor: Float[np.ndarray, "4 4"]

    def read(self) -> PointCloud:
        """The points, in nuScenes' ego frame; InputError names a missing or truncated file."""
        return read_nuscenes(self.path, self.ego_SE3_sensor)


def sweep_rows(nusc: "NuScenes", scene: dict) -> list[dict[str, Any]]:
    """All sweeps of a scene in order of time, as values that JSON can hold; `make_sweeps` takes them."""
    first = nusc.get("sample", scene["first_sample_token"])["data"]["LIDAR_TOP"]
    last = nusc.get("sample", scene["last_sample_token"])["data"]["LIDAR_TOP"]
    rows, token = [], first
    while token:
        data = nusc.get("sample_data", token)
        pose = nusc.get("ego_pose", data["ego_pose_token"])
        sensor = nusc.get("calibrated_sensor", data["calibrated_sensor_token"])
        rows.append(
            {
                "filename": data["filename"],
                "timestamp": data["timestamp"],
                "is_key_frame": data["is_key_frame"],
                "ego": [pose["translation"], pose["rotation"]],
                "sensor": [sensor["translation"], sensor["rotation"]],
            }
        )
        token = data["next"] if token != last else ""
    return rows


def make_sweeps(
    dataroot: Path, rows: list[dict[str, Any]], world_offset_m: Float[np.ndarray, "3"]
) -> list[Sweep]:
    """The sweeps of `sweep_rows`, in the frame of a scenario with this offset."""
    moved = np.eye(4)
    moved[:3, 3] = -np.asarray(world_offset_m)
    start_us = rows[0]["timestamp"]
    return [
        Sweep(
            dataroot / row["filename"],
            row["timestamp"],
            (row["timestamp"] - start_us) * 1e-6,
            row["is_key_frame"],
            moved @ _pose(*row["ego"]),
            _pose(*row["sensor"]),
        )
        for row in rows
    ]


def _pose(translation: list[float], rotation_wxyz: list[float]) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    w, x, y, z = rotation_wxyz
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_quat([x, y, z, w]).as_matrix()
    pose[:3, 3] = translation
    return pose
