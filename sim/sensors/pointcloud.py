"""Real lidar sweeps: nuScenes, KITTI and Argoverse 2 files as one `PointCloud`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from sim.errors import InputError
from sim.feather import read_columns

NO_RING = -1


@dataclass(frozen=True)
class PointCloud:
    """One sweep in the data set's ego frame: x forward, y left, z up.

    The origin is the middle of the rear axle: at its own height in Argoverse 2, on the ground in
    nuScenes. KITTI's files know no car: there it is the lidar, unless a pose is given.
    """

    xyz_m: Float[np.ndarray, "n 3"]  # float32
    intensity: Float[np.ndarray, " n"]  # 0 to 1, float32
    ring: Int[np.ndarray, " n"]  # laser number, int32; NO_RING where the file has none
    time_offset_s: Float[np.ndarray, " n"]  # after the sweep's timestamp; 0 where unknown

    def __len__(self) -> int:
        return len(self.xyz_m)


def read_nuscenes(path: Path, ego_SE3_sensor: Float[np.ndarray, "4 4"]) -> PointCloud:
    """A nuScenes `.pcd.bin`: float32 x, y, z, intensity (0 to 255), ring, in the sensor's frame."""
    raw = _read_float32(path, 5)
    ring = raw[:, 4]
    odd = (ring != np.rint(ring)) | (ring < 0)
    if odd.any():
        n = int(odd.argmax())
        raise InputError(
            f"{path}: ring of point {n} is {ring[n]}: not nuScenes' five fields a point"
        )
    return PointCloud(
        _moved(raw[:, :3], ego_SE3_sensor),
        raw[:, 3] / np.float32(255.0),
        ring.astype(np.int32),
        np.zeros(len(raw), dtype=np.float32),
    )


def read_kitti(path: Path, ego_SE3_sensor: Float[np.ndarray, "4 4"] | None = None) -> PointCloud:
    """A KITTI `.bin`: float32 x, y, z, reflectance (0 to 1), in the velodyne's frame."""
    raw = _read_float32(path, 4)
    xyz = raw[:, :3].copy() if ego_SE3_sensor is None else _moved(raw[:, :3], ego_SE3_sensor)
    return PointCloud(
        xyz,
        raw[:, 3].copy(),
        np.full(len(raw), NO_RING, dtype=np.int32),
        np.zeros(len(raw), dtype=np.float32),
    )


def read_argoverse2(path: Path) -> PointCloud:
    """An Argoverse 2 lidar `.feather`: x, y, z, intensity (0 to 255), laser_number, offset_ns.

    Its points are in the ego frame at the sweep's timestamp (the file's name), in half precision.
    """
    names = ("x", "y", "z", "intensity", "laser_number", "offset_ns")
    x, y, z, intensity, ring, offset_ns = read_columns(path, names).values()
    xyz = np.stack((x, y, z), axis=1).astype(np.float32)
    _require_numbers(path, xyz)
    return PointCloud(
        xyz,
        intensity.astype(np.float32) / np.float32(255.0),
        ring.astype(np.int32),
        (offset_ns * 1e-9).astype(np.float32),
    )


def _read_float32(path: Path, fields: int) -> Float[np.ndarray, "n f"]:
    """Little-endian float32 records; InputError names the file and its size."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    record = 4 * fields
    if len(raw) == 0 or len(raw) % record:
        raise InputError(
            f"{path}: {len(raw)} bytes are not a whole number of points of {record} bytes "
            f"({fields} x float32): {len(raw) // record} points and {len(raw) % record} bytes"
        )
    points = np.frombuffer(raw, dtype="<f4").reshape(-1, fields)
    _require_numbers(path, points)
    return points


def _require_numbers(path: Path, values: np.ndarray) -> None:
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise InputError(f"{path}: not a number at point {int(bad.argmax())} of {len(values)}")


def _moved(xyz: np.ndarray, a_SE3_b: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "n 3"]:
    pose = np.asarray(a_SE3_b, dtype=np.float64)
    return (xyz @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32)
