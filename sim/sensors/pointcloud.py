"""Real lidar sweeps: nuScenes, KITTI and Argoverse 2 files as one `PointCloud`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from sim.errors import InputError
from sim.feather import read_columns

NO_RING = -1
_FARTHEST_M = 1000.0
_MOST_RINGS = 512
_MOST_REFLECTANCE = 1.001  # of KITTI, but for rounding
# Bytes that are no float32 look like numbers next to nothing.
_TINY_M, _MOST_TINY = 1e-6, 0.05


@dataclass(frozen=True)
class PointCloud:
    """N points of one sweep in the data set's ego frame: x forward, y left, z up.

    The origin is the middle of the rear axle, in Argoverse 2 at the height of the axle, in nuScenes on
    the ground below. KITTI's files do not say where the car is: there the origin is the lidar, unless
    a pose is given.
    """

    xyz_m: Float[np.ndarray, "n 3"]  # float32
    intensity: Float[np.ndarray, " n"]  # 0 to 1, float32
    ring: Int[np.ndarray, " n"]  # laser number, int32; NO_RING where the file has none
    time_offset_s: Float[
        np.ndarray, " n"
    ]  # from the sweep's timestamp to the point's; 0 where unknown

    def __len__(self) -> int:
        return len(self.xyz_m)


def read_nuscenes(path: Path, ego_SE3_sensor: Float[np.ndarray, "4 4"]) -> PointCloud:
    """Read a nuScenes `.pcd.bin`: float32 x, y, z, intensity (0 to 255), ring, in the sensor's frame.

    `ego_SE3_sensor` moves the points into the ego frame.
    """
    raw = _read_float32(path, 5)
    ring = raw[:, 4]
    odd = (ring != np.rint(ring)) | (ring < 0) | (ring >= _MOST_RINGS)
    if odd.any():
        n = int(odd.argmax())
        raise InputError(
            f"{path}: ring of point {n} is {ring[n]}: not nuScenes' five fields a point"
        )
    _require_plausible(path, raw[:, :3], raw[:, 3], ring)
    return PointCloud(
        _moved(raw[:, :3], ego_SE3_sensor),
        raw[:, 3] / np.float32(255.0),
        ring.astype(np.int32),
        np.zeros(len(raw), dtype=np.float32),
    )


def read_kitti(path: Path, ego_SE3_sensor: Float[np.ndarray, "4 4"] | None = None) -> PointCloud:
    """Read a KITTI `.bin`: float32 x, y, z, reflectance (0 to 1), in the velodyne's frame.

    Reflectances of 0 to 255, as converters of other data sets write them, are divided by 255.
    Without `ego_SE3_sensor` the points stay in that frame.
    """
    raw = _read_float32(path, 4)
    _require_plausible(path, raw[:, :3], raw[:, 3], np.zeros(len(raw)))
    reflectance = raw[:, 3].copy()
    if reflectance.max() > _MOST_REFLECTANCE:
        reflectance /= np.float32(255.0)
    xyz = raw[:, :3].copy() if ego_SE3_sensor is None else _moved(raw[:, :3], ego_SE3_sensor)
    return PointCloud(
        xyz,
        reflectance,
        np.full(len(raw), NO_RING, dtype=np.int32),
        np.zeros(len(raw), dtype=np.float32),
    )


def read_argoverse2(path: Path) -> PointCloud:
    """Read an Argoverse 2 lidar `.feather`: x, y, z, intensity (0 to 255), laser_number, offset_ns.

    Its points are in the ego frame at the sweep's timestamp (the file's name), in half precision.
    """
    kinds = dict.fromkeys(("x", "y", "z", "intensity"), "f") | {
        "laser_number": "i",
        "offset_ns": "i",
    }
    x, y, z, intensity, ring, offset_ns = read_columns(path, kinds).values()
    xyz = np.stack((x, y, z), axis=1).astype(np.float32)
    _require_plausible(path, xyz, intensity.astype(np.float32), ring)
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


def _require_plausible(
    path: Path, xyz_m: np.ndarray, intensity: np.ndarray, ring: np.ndarray
) -> None:
    """What a lidar can have seen: bytes of another form, read as numbers, are something else."""
    _require_numbers(path, np.column_stack((xyz_m, intensity)))
    for name, values, low, high in (
        ("x, y, z", xyz_m, -_FARTHEST_M, _FARTHEST_M),
        ("intensity", intensity[:, None], 0.0, 255.0),
        ("ring", ring[:, None], 0, _MOST_RINGS - 1),
    ):
        bad = ((values < low) | (values > high)).any(axis=1)
        if bad.any():
            n = int(bad.argmax())
            raise InputError(
                f"{path}: {name} of point {n}: {values[n].tolist()} is not {low:g} to {high:g}"
            )
    tiny = ((xyz_m != 0) & (np.abs(xyz_m) < _TINY_M)).any(axis=1).mean() if len(xyz_m) else 0.0
    if tiny > _MOST_TINY:
        raise InputError(
            f"{path}: {tiny:.0%} of the points lie within {_TINY_M} m of an axis: not a sweep's form"
        )


def _moved(xyz: np.ndarray, a_SE3_b: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "n 3"]:
    """Points of frame b in frame a."""
    pose = np.asarray(a_SE3_b, dtype=np.float64)
    return (xyz @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32)
