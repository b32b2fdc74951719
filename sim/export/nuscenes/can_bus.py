"""The `pose` messages of nuScenes' CAN bus expansion for one scene, one for each time step."""

from typing import Any

import numpy as np

from sim.export.nuscenes.schema import REAR_AXLE_TO_CENTER_M, yaw_quaternion
from sim.scenario import EGO, Scenario

_GRAVITY_MPS2 = 9.81  # accelerometers measure it as an acceleration upwards


def pose_messages(scenario: Scenario, start_us: int, ground_m: np.ndarray) -> list[dict[str, Any]]:
    """Positions of the rear axle in the scenario's frame; all else in nuScenes' ego frame, also there.

    `ground_m` `[T]` is z of the ground under the ego; `start_us` the time of the first step.
    """
    tracks, dt = scenario.tracks, scenario.dt_s
    yaw = np.unwrap(tracks.yaw_rad[EGO].astype(np.float64))
    cos, sin = np.cos(yaw), np.sin(yaw)
    vx, vy = tracks.velocity_mps[EGO].astype(np.float64).T
    yaw_rate = np.gradient(yaw, dt)
    forward = cos * vx + sin * vy
    sideways = -sin * vx + cos * vy - REAR_AXLE_TO_CENTER_M * yaw_rate
    ahead = np.gradient(forward, dt) - yaw_rate * sideways
    across = np.gradient(sideways, dt) + yaw_rate * forward
    x, y = tracks.position_m[EGO, :, :2].astype(np.float64).T
    x, y = x - REAR_AXLE_TO_CENTER_M * cos, y - REAR_AXLE_TO_CENTER_M * sin
    return [
        {
            "accel": [float(ahead[t]), float(across[t]), _GRAVITY_MPS2],
            "orientation": yaw_quaternion(float(yaw[t])),
            "pos": [float(x[t]), float(y[t]), float(ground_m[t])],
            "rotation_rate": [0.0, 0.0, float(yaw_rate[t])],
            "utime": start_us + round(t * dt * 1e6),
            "vel": [float(forward[t]), float(sideways[t]), 0.0],
        }
        for t in range(scenario.num_instants)
        if tracks.valid[EGO, t]
    ]
