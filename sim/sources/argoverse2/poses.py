"""The ego poses of an Argoverse 2 log."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from sim.errors import InputError
from sim.feather import read_columns

_POSE = ("qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m")


def rotations(quaternion: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n 3 3"]:
    """Rotation matrices of quaternions (w, x, y, z) of any length."""
    w, x, y, z = (quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)).T
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return np.moveaxis(np.array(rows), 2, 0)


@dataclass(frozen=True)
class EgoPoses:
    """`city_SE3_egovehicle` at N times: poses of the ego frame in the city frame.

    The origin of the ego frame is the middle of the rear axle, at its height. Quaternions are w, x, y, z.
    """

    time_ns: Int[np.ndarray, " n"]
    quaternion: Float[np.ndarray, "n 4"]
    position_m: Float[np.ndarray, "n 3"]

    def at(
        self, time_ns: Int[np.ndarray, " t"]
    ) -> tuple[Float[np.ndarray, "t 3 3"], Float[np.ndarray, "t 3"]]:
        """Rotation and translation at each time, linear between poses (they are 5 ms apart).

        InputError where a time lies outside the recorded poses.
        """
        outside = (time_ns < self.time_ns[0]) | (time_ns > self.time_ns[-1])
        if outside.any():
            raise InputError(f"no ego pose at {time_ns[outside.argmax()]} ns")
        after = np.clip(np.searchsorted(self.time_ns, time_ns), 1, len(self.time_ns) - 1)
        before = after - 1
        span = self.time_ns[after] - self.time_ns[before]
        share = ((time_ns - self.time_ns[before]) / span)[:, None]
        first, second = self.quaternion[before], self.quaternion[after]
        second = second * np.where((first * second).sum(1, keepdims=True) < 0, -1.0, 1.0)
        position = (1 - share) * self.position_m[before] + share * self.position_m[after]
        return rotations((1 - share) * first + share * second), position


def read_poses(log: Path) -> EgoPoses:
    """The ego poses of a log, in order of time."""
    path = log / "city_SE3_egovehicle.feather"
    columns = read_columns(path, {"timestamp_ns": "i"} | dict.fromkeys(_POSE, "f"))
    time_ns, rows = np.unique(columns["timestamp_ns"], return_index=True)
    values = np.stack([columns[name] for name in _POSE], axis=1)[rows].astype(np.float64)
    if len(rows) < 2:
        raise InputError(f"{path}: {len(rows)} poses; at least two are needed")
    if not np.isfinite(values).all():
        raise InputError(f"{path}: not a number at {time_ns[~np.isfinite(values).all(1)][0]} ns")
    if (np.linalg.norm(values[:, :4], axis=1) < 1e-6).any():
        raise InputError(f"{path}: a quaternion is zero")
    return EgoPoses(time_ns, values[:, :4], values[:, 4:])
