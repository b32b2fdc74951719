"""What the ego's car can drive, and its way from that of the rear axle.

The bicycle's state is that of its rear axle (`sim.dynamics.bicycle`): speed and curvature of a
candidate are of that axle's path, its pose is of the centre of the box.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.planning.candidates import DT_S, Candidates
from sim.dynamics.bicycle import (
    ACCELERATION_RANGE_MPS2,
    MAX_STEERING_RAD,
    MAX_STEERING_RATE_RADPS,
)
from sim.interface import EgoState

MAX_LATERAL_MPS2 = 5.0
_ROUNDING = 1e-3


def curvature_now(ego: EgoState) -> Float[Tensor, " b"]:
    """Of the path of the ego's rear axle, 1/m."""
    return torch.tan(ego.steering_rad) / ego.wheelbase_m


def sharpest_curvature(speed_mps: Tensor, wheelbase_m: Tensor) -> Tensor:
    """The largest curvature that steering and lateral acceleration allow, 1/m; shapes broadcast."""
    full_lock = math.tan(MAX_STEERING_RAD) / wheelbase_m
    return torch.minimum(full_lock, MAX_LATERAL_MPS2 / speed_mps.square().clamp(min=1e-3))


def can_drive(
    speed_mps: Float[Tensor, "b k s"],
    curvature: Float[Tensor, "b k s"],
    wheelbase_m: Float[Tensor, " b"],
) -> Bool[Tensor, "b k"]:
    """Whether the bicycle can, from instant 0 on, `DT_S` apart; in what state it is then counts as given."""
    wheelbase_m = wheelbase_m.reshape(-1, 1, 1)
    steering = torch.atan(wheelbase_m * curvature)
    rate = torch.diff(steering, dim=2).abs() / DT_S
    acceleration = torch.diff(speed_mps, dim=2) / DT_S
    low, high = ACCELERATION_RANGE_MPS2
    sharpest = sharpest_curvature(speed_mps, wheelbase_m)
    fits = curvature.abs()[..., 1:] <= (1.0 + _ROUNDING) * sharpest[..., 1:]
    fits &= rate <= MAX_STEERING_RATE_RADPS + _ROUNDING
    fits &= (acceleration >= low - _ROUNDING) & (acceleration <= high + _ROUNDING)
    return fits.all(dim=2)


def from_rear_axle(
    moved: Float[Tensor, "b k t 3"],
    speed_mps: Float[Tensor, "b k s"],
    curvature: Float[Tensor, "b k s"],
    wheelbase_m: Float[Tensor, " b"],
) -> Candidates:
    """Candidates from how the rear axle has moved since now; speed and curvature begin with the present.

    `moved` is in the frame of the rear axle's present pose.
    """
    x, y, yaw = moved.unbind(-1)
    half_m = 0.5 * wheelbase_m.reshape(-1, 1, 1)
    # The centre is half a wheelbase ahead of the axle: now, and then.
    x, y = x + half_m * (torch.cos(yaw) - 1.0), y + half_m * torch.sin(yaw)
    trajectory = torch.stack((x, y, yaw, speed_mps[..., 1:], curvature[..., 1:]), dim=-1)
    return Candidates(trajectory, can_drive(speed_mps, curvature, wheelbase_m))
