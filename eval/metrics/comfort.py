"""nuPlan's comfort: six bounds on smoothed derivatives of the ego's motion."""

from functools import cache

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from eval.rollout import Rollout
from sim.scenario import EGO

ACCELERATION_MPS2 = (-4.05, 2.40)
LATERAL_ACCELERATION_MPS2 = 4.89
JERK_MPS3 = 8.37
LONGITUDINAL_JERK_MPS3 = 4.13
YAW_RATE_RADPS = 0.95
YAW_ACCELERATION_RADPS2 = 1.93
ACCELERATION_WINDOW, JERK_WINDOW, YAW_WINDOW = 8, 15, 5


@cache
def savgol_matrix(length: int, window: int, order: int, derivative: int, dt_s: float) -> Tensor:
    """The Savitzky-Golay filter as a `[T, T]` matrix: `matrix @ signal` is scipy's result.

    The window is at most the signal; shorter signals than the order allows give zeros.
    """
    from scipy.signal import savgol_filter

    window = min(window, length)
    if window <= order:
        return torch.zeros(length, length)
    eye = np.eye(length)
    rows = savgol_filter(eye, window, order, deriv=derivative, delta=dt_s, axis=0)
    return torch.tensor(rows, dtype=torch.float32)


def comfortable(
    acceleration_mps2: Float[Tensor, "b t"],
    lateral_mps2: Float[Tensor, "b t"],
    yaw_rad: Float[Tensor, "b t"],
    dt_s: float,
) -> Bool[Tensor, "b t"]:
    """Whether all six (strict) bounds hold at each instant."""
    length = yaw_rad.shape[1]

    def smooth(signal: Tensor, window: int, derivative: int) -> Tensor:
        order = 2 if derivative < 2 else 3
        return signal @ savgol_matrix(length, window, order, derivative, dt_s).T.to(signal.device)

    along = smooth(acceleration_mps2, ACCELERATION_WINDOW, 0)
    across = smooth(lateral_mps2, ACCELERATION_WINDOW, 0)
    jerk_along = smooth(acceleration_mps2, JERK_WINDOW, 1)
    jerk = smooth(torch.hypot(acceleration_mps2, lateral_mps2), JERK_WINDOW, 1)
    turn = torch.diff(yaw_rad, dim=1, prepend=yaw_rad[:, :1])
    turn = torch.remainder(turn + torch.pi, 2 * torch.pi) - torch.pi
    unwrapped = turn.cumsum(dim=1)
    yaw_rate = smooth(unwrapped, YAW_WINDOW, 1)
    yaw_acceleration = smooth(unwrapped, YAW_WINDOW, 2)
    low, high = ACCELERATION_MPS2
    return (
        (along > low)
        & (along < high)
        & (across.abs() < LATERAL_ACCELERATION_MPS2)
        & (jerk.abs() < JERK_MPS3)
        & (jerk_along.abs() < LONGITUDINAL_JERK_MPS3)
        & (yaw_rate.abs() < YAW_RATE_RADPS)
        & (yaw_acceleration.abs() < YAW_ACCELERATION_RADPS2)
    )


def ego_comfort(rollout: Rollout) -> Bool[Tensor, "b t"]:
    """`comfortable` of the ego, each world over its own length; True after its end."""
    pose = rollout.pose[:, :, EGO]
    yaw = pose[..., 2]
    velocity = rollout.velocity_mps[:, :, EGO]
    speed = velocity[..., 0] * torch.cos(yaw) + velocity[..., 1] * torch.sin(yaw)
    # Acceleration of an instant: of the step that leads to it; the first instant has none of its own.
    along = torch.diff(speed, dim=1) / rollout.dt_s
    along = torch.cat((along[:, :1], along), dim=1)
    turn = torch.remainder(torch.diff(yaw, dim=1) + torch.pi, 2 * torch.pi) - torch.pi
    yaw_rate = torch.cat((turn[:, :1], turn), dim=1) / rollout.dt_s
    fine = torch.ones_like(yaw, dtype=torch.bool)
    lengths = rollout.active.sum(dim=1)
    for length in torch.unique(lengths).tolist():  # the filter's edges are at the world's own end
        rows = lengths == length
        part = slice(0, length)
        fine[rows, part] = comfortable(
            along[rows, part], (speed * yaw_rate)[rows, part], yaw[rows, part], rollout.dt_s
        )
    return fine
