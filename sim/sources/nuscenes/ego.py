"""The ego of a nuScenes scene: from poses of its rear axle to centre, size and velocity of its box."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sim.errors import DAMAGED, InputError
from sim.text_files import read_json

if TYPE_CHECKING:
    from nuscenes import NuScenes

# Renault Zoe (nuscenes-devkit, issue 777); the ego frame is the rear axle on the ground (issue 161).
# No table says more. Length 4.084, wheelbase 2.588, front overhang 0.839: the rear axle is 0.657 m ahead
# of the rear bumper, and the centre of the box 1.385 m ahead of the axle. The recorded calibrations
# agree: RADAR_FRONT is at x = 3.412 (our bumper: 3.427), the rear radars at -0.562 (ours: -0.657).
# The 0.985793 in planners' code is the place of LIDAR_TOP; ST-P3's box is centred 0.5 m ahead of that.
EGO_SIZE_M = (4.084, 1.730, 1.562)
REAR_AXLE_TO_CENTER_M = 1.385


def ego_poses(
    nusc: "NuScenes", scene: dict
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "k 4"]]:
    """Times (microseconds) and poses (x, y, z, yaw) of the rear axle at the K sweeps of LIDAR_TOP.

    From the first key frame to the last, in the dataset's frame; the yaw does not jump by 2 pi.
    """
    first = nusc.get("sample", scene["first_sample_token"])
    last = nusc.get("sample", scene["last_sample_token"])
    row = nusc.get("sample_data", first["data"]["LIDAR_TOP"])
    end = nusc.get("sample_data", last["data"]["LIDAR_TOP"])["token"]
    times, poses, seen = [], [], set()
    while True:
        if row["token"] in seen:
            raise InputError(
                f"sample_data.json: the list of LIDAR_TOP comes back to {row['token']}"
            )
        seen.add(row["token"])
        pose = nusc.get("ego_pose", row["ego_pose_token"])
        times.append(pose["timestamp"])
        poses.append([*pose["translation"], yaw_of(np.array(pose["rotation"]))])
        if row["token"] == end or not row["next"]:
            break
        row = nusc.get("sample_data", row["next"])
    time_us, order = np.unique(np.array(times, dtype=np.float64), return_index=True)
    pose = np.array(poses, dtype=np.float64)[order]
    pose[:, 3] = np.unwrap(pose[:, 3])
    return time_us, pose


def to_center(pose: Float[np.ndarray, "*t 4"]) -> Float[np.ndarray, "*t 4"]:
    """From poses (x, y, z, yaw) of the rear axle on the ground to those of the centre of the ego's box."""
    yaw = pose[..., 3]
    ahead = np.stack((np.cos(yaw), np.sin(yaw)), axis=-1) * REAR_AXLE_TO_CENTER_M
    center = pose.copy()
    center[..., :2] += ahead
    center[..., 2] += 0.5 * EGO_SIZE_M[2]
    return center


def center_velocity_mps(
    axle_mps: Float[np.ndarray, "t 2"],
    yaw_rate_rps: Float[np.ndarray, " t"],
    yaw_rad: Float[np.ndarray, " t"],
) -> Float[np.ndarray, "t 2"]:
    """World-frame velocity of the box's centre: v + w x r.

    `axle_mps` is the velocity of the rear axle in the ego frame.
    """
    ahead, left = axle_mps[:, 0], axle_mps[:, 1] + yaw_rate_rps * REAR_AXLE_TO_CENTER_M
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    return np.stack((ahead * cos - left * sin, ahead * sin + left * cos), axis=-1)


def can_bus_motion(
    nusc: "NuScenes", scene_name: str, time_us: Float[np.ndarray, " t"]
) -> tuple[Float[np.ndarray, "t 2"], Float[np.ndarray, " t"]] | None:
    """Velocity (ego frame, m/s) and yaw rate (rad/s) of the rear axle at given times, from the CAN bus.

    None for a scene without messages, or where they do not cover the times. InputError names a damaged
    file.
    """
    file = Path(nusc.dataroot) / "can_bus" / f"{scene_name}_pose.json"
    if not file.is_file():
        return None
    messages = read_json(file)
    try:
        rows = np.array(
            [(m["utime"], *m["vel"][:2], m["rotation_rate"][2]) for m in messages], dtype=np.float64
        ).reshape(-1, 4)
    except DAMAGED as error:
        raise InputError(f"{file}: utime, vel, rotation_rate: {error!r}") from None
    stamp, rows = rows[:, 0], rows[:, 1:]
    if not np.isfinite(rows).all() or not (np.diff(stamp) >= 0).all():
        raise InputError(f"{file}: utime, vel, rotation_rate: not numbers in order of time")
    if len(stamp) < 2 or stamp[0] > time_us[0] + 1e5 or stamp[-1] < time_us[-1] - 1e5:
        return None
    at = np.stack([np.interp(time_us, stamp, column) for column in rows.T], axis=-1)
    return at[:, :2], at[:, 2]


def yaw_of(rotation_wxyz: Float[np.ndarray, "*k 4"]) -> Float[np.ndarray, "*k"]:
    """Yaw, in radians, of rotations given as quaternions (w, x, y, z): where their x axis points."""
    w, x, y, z = np.moveaxis(rotation_wxyz, -1, 0)
    return np.asarray(np.arctan2(2 * (w * z + x * y), w * w + x * x - y * y - z * z))
