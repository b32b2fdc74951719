"""nuPlan's comfort: six bounds on smoothed derivatives of the ego's motion."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from eval.metrics.savgol import savgol
from eval.rollout import Rollout
from sim.scenario import EGO

ACCELERATION_MPS2 = (-4.05, 2.40)
LATERAL_ACCELERATION_MPS2 = 4.89
JERK_MPS3 = 8.37
LONGITUDINAL_JERK_MPS3 = 4.13
YAW_RATE_RADPS = 0.95
YAW_ACCELERATION_RADPS2 = 1.93
ACCELERATION_WINDOW, JERK_WINDOW, YAW_WINDOW = 8, 15, 5


def comfortable(
    acceleration_mps2: Float[Tensor, "b t"],
    lateral_mps2: Float[Tensor, "b t"],
    yaw_rad: Float[Tensor, "b t"],
    length: Int[Tensor, " b"],
    dt_s: float,
) -> Bool[Tensor, "b t"]:
    """Whether all six (strict) bounds hold at each of the first `length` instants."""

    def smooth(signal: Tensor, window: int, derivative: int) -> Tensor:
        order = 2 if derivative < 2 else 3
        return savgol(signal, length, window, order, derivative, dt_s)

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
    length = rollout.active.sum(dim=1)  # the filter's edges are at the world's own end
    fine = comfortable(along, speed * yaw_rate, yaw, length, rollout.dt_s)
    return fine | ~rollout.active
