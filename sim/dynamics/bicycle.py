"""The kinematic bicycle, with limits and lags, and the commands that drive it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from sim.geometry import se2

MAX_STEERING_RAD = torch.pi / 3
MAX_STEERING_RATE_RADPS = 1.0
ACCELERATION_RANGE_MPS2 = (-8.0, 4.0)
ACCELERATION_LAG_S = 0.2
STEERING_LAG_S = 0.05


@dataclass(frozen=True)
class Controls:
    """Commands to the ego's bicycle for one step; it lags behind them and limits them."""

    acceleration_mps2: Float[Tensor, " b"]
    steering_rate_radps: Float[Tensor, " b"]


@dataclass(frozen=True)
class BicycleState:
    """A car seen from its rear axle; any leading shape."""

    rear_pose: Float[Tensor, "*k 3"]
    speed_mps: Float[Tensor, "*k"]
    acceleration_mps2: Float[Tensor, "*k"]
    steering_rad: Float[Tensor, "*k"]


def rear_of(center_pose: Float[Tensor, "*k 3"], wheelbase_m: Float[Tensor, "*j"]) -> Tensor:
    """The pose of the rear axle, half a wheelbase behind the centre of the box."""
    return _shifted(center_pose, -0.5 * wheelbase_m)


def center_of(rear_pose: Float[Tensor, "*k 3"], wheelbase_m: Float[Tensor, "*j"]) -> Tensor:
    """The inverse of `rear_of`."""
    return _shifted(rear_pose, 0.5 * wheelbase_m)


def bicycle_step(
    state: BicycleState,
    acceleration_mps2: Float[Tensor, "*k"],
    steering_rate_radps: Float[Tensor, "*k"],
    wheelbase_m: Float[Tensor, "*j"],
    dt_s: float,
) -> BicycleState:
    """One step of the kinematic bicycle about the rear axle, by the midpoint rule.

    Commands pass through first-order lags (`ACCELERATION_LAG_S`, `STEERING_LAG_S`) and limits.
    Brakes hold: a car that brakes to a stop does not roll backwards.
    """
    wanted = acceleration_mps2.clamp(*ACCELERATION_RANGE_MPS2)
    lag = dt_s / (dt_s + ACCELERATION_LAG_S)
    acceleration = state.acceleration_mps2 + lag * (wanted - state.acceleration_mps2)
    rate = steering_rate_radps.clamp(-MAX_STEERING_RATE_RADPS, MAX_STEERING_RATE_RADPS)
    lag = dt_s / (dt_s + STEERING_LAG_S)
    steering = (state.steering_rad + lag * rate * dt_s).clamp(-MAX_STEERING_RAD, MAX_STEERING_RAD)
    x, y, yaw = state.rear_pose.unbind(-1)
    speed = state.speed_mps
    next_speed = speed + acceleration * dt_s
    stops = (speed >= 0.0) & (next_speed < 0.0)
    next_speed = torch.where(stops, 0.0, next_speed)
    step_m = 0.5 * (speed + next_speed) * dt_s
    turn = step_m * torch.tan(0.5 * (state.steering_rad + steering)) / wheelbase_m
    # Not Euler: there headings lead the course in bends, and the LQR trades that for 0.2 m outwards.
    middle = yaw + 0.5 * turn
    moved = (x + step_m * torch.cos(middle), y + step_m * torch.sin(middle))
    return BicycleState(
        rear_pose=torch.stack((*moved, se2.wrap_angle(yaw + turn)), dim=-1),
        speed_mps=next_speed,
        acceleration_mps2=torch.where(stops, 0.0, acceleration),
        steering_rad=steering,
    )


def _shifted(pose: Tensor, forward_m: Tensor) -> Tensor:
    yaw = pose[..., 2]
    return torch.stack(
        (
            pose[..., 0] + forward_m * torch.cos(yaw),
            pose[..., 1] + forward_m * torch.sin(yaw),
            yaw,
        ),
        dim=-1,
    )
