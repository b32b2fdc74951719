"""nuPlan's comfort: the bounds of `sim.comfort` on smoothed derivatives of the ego's motion."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from eval.metrics.savgol import SavgolFilter
from eval.rollout import Rollout
from sim import comfort
from sim.geometry import se2
from sim.scenario import EGO

_PDM_SAMPLES = 41
# nuPlan's windows; NAVSIM has them too.
ACCELERATION = SavgolFilter(window=8, order=2, derivative=0)
JERK = SavgolFilter(window=15, order=2, derivative=1)
_WHOLE_ACCELERATION = SavgolFilter(window=_PDM_SAMPLES, order=2, derivative=0)
_WHOLE_JERK = SavgolFilter(window=_PDM_SAMPLES, order=2, derivative=1)
YAW_RATE = SavgolFilter(window=5, order=2, derivative=1)
_YAW_ACCELERATION = SavgolFilter(window=5, order=3, derivative=2)


def comfortable(
    acceleration_mps2: Float[Tensor, "b t"],
    lateral_mps2: Float[Tensor, "b t"],
    yaw_rad: Float[Tensor, "b t"],
    length: Int[Tensor, " b"] | None,
    dt_s: float,
    one_polynomial: bool = False,
) -> Bool[Tensor, "b t"]:
    """Whether all six (strict) bounds hold at each of the first `length` instants (None: at all).

    `one_polynomial`: accelerations, and jerk after nuPlan's smoothing, are of a polynomial over 41
    samples at once, as in PDM-Closed's scorer and NAVSIM v1.1; else with nuPlan's windows, which NAVSIM
    v2 has too.
    """
    along = ACCELERATION(acceleration_mps2, length, dt_s)
    whole = ACCELERATION(torch.hypot(acceleration_mps2, lateral_mps2), length, dt_s)
    slope = _WHOLE_JERK if one_polynomial else JERK
    jerk_along, jerk = slope(along, length, dt_s), slope(whole, length, dt_s)
    if one_polynomial:
        along = _WHOLE_ACCELERATION(acceleration_mps2, length, dt_s)
    across_filter = _WHOLE_ACCELERATION if one_polynomial else ACCELERATION
    across = across_filter(lateral_mps2, length, dt_s)
    turn = se2.wrap_angle(torch.diff(yaw_rad, dim=1, prepend=yaw_rad[:, :1]))
    unwrapped = turn.cumsum(dim=1)
    yaw_rate = YAW_RATE(unwrapped, length, dt_s)
    yaw_acceleration = _YAW_ACCELERATION(unwrapped, length, dt_s)
    low, high = comfort.ACCELERATION_MPS2
    return (
        (along > low)
        & (along < high)
        & (across.abs() < comfort.LATERAL_ACCELERATION_MPS2)
        & (jerk.abs() < comfort.JERK_MPS3)
        & (jerk_along.abs() < comfort.LONGITUDINAL_JERK_MPS3)
        & (yaw_rate.abs() < comfort.YAW_RATE_RADPS)
        & (yaw_acceleration.abs() < comfort.YAW_ACCELERATION_RADPS2)
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
    turn = se2.wrap_angle(torch.diff(yaw, dim=1))
    yaw_rate = torch.cat((turn[:, :1], turn), dim=1) / rollout.dt_s
    length = rollout.active.sum(dim=1)  # the filter's edges are at the world's own end
    fine = comfortable(along, speed * yaw_rate, yaw, length, rollout.dt_s)
    return fine | ~rollout.active
