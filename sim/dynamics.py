"""How vehicles move: the kinematic bicycle with limits and lags, and the tracking of a plan."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from sim import tracking
from sim.geometry import se2
from sim.scenario import EGO

if TYPE_CHECKING:
    from sim.interface import Plan
    from sim.world import World, WorldState

MAX_STEERING_RAD = torch.pi / 3
MAX_STEERING_RATE_RADPS = 1.0
ACCELERATION_RANGE_MPS2 = (-8.0, 4.0)
ACCELERATION_LAG_S = 0.2
STEERING_LAG_S = 0.05


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
    """One explicit Euler step of the kinematic bicycle about the rear axle.

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
    yaw_rate = speed * torch.tan(state.steering_rad) / wheelbase_m
    moved = (x + speed * torch.cos(yaw) * dt_s, y + speed * torch.sin(yaw) * dt_s)
    pose = torch.stack((*moved, se2.wrap_angle(yaw + yaw_rate * dt_s)), dim=-1)
    next_speed = speed + acceleration * dt_s
    stops = (speed >= 0.0) & (next_speed < 0.0)
    return BicycleState(
        rear_pose=pose,
        speed_mps=torch.where(stops, 0.0, next_speed),
        acceleration_mps2=torch.where(stops, 0.0, acceleration),
        steering_rad=steering,
    )


def track_plan(
    world: "World", state: "WorldState", plan: "Plan"
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The ego one step on: pose of the centre `[B, 3]`, speed, acceleration and steering `[B]`.

    Either exactly the plan's first entry (`world.exact_tracking`), or LQR and bicycle.
    """
    ego_pose, speed = state.pose[:, EGO], state.speed_mps[:, EGO]
    if world.exact_tracking:
        first = plan.trajectory[:, 0]
        pose = se2.compose(ego_pose, first[:, :3])
        steering = torch.atan(first[:, 4] * world.wheelbase_m[:, EGO])
        return pose, first[:, 3], (first[:, 3] - speed) / world.dt_s, steering
    wheelbase_m = world.wheelbase_m[:, EGO]
    car = BicycleState(
        rear_pose=rear_of(torch.zeros_like(ego_pose), wheelbase_m),
        speed_mps=speed,
        acceleration_mps2=state.acceleration_mps2[:, EGO],
        steering_rad=state.ego_steering_rad,
    )
    now, speeds, curvature = _reference(plan, wheelbase_m)
    gains = tracking.lateral_gains(speeds, curvature, wheelbase_m.unsqueeze(1))
    moved = bicycle_step(
        car,
        tracking.acceleration_command(speed, speeds[:, -1], speeds.sum(dim=1) * plan.dt_s),
        tracking.steering_rate_command(car.rear_pose, car.steering_rad, now, gains),
        wheelbase_m,
        world.dt_s,
    )
    pose = se2.compose(ego_pose, center_of(moved.rear_pose, wheelbase_m))
    return pose, moved.speed_mps, moved.acceleration_mps2, moved.steering_rad


def _reference(plan: "Plan", wheelbase_m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where the rear axle should be now `[B, 3]`; speeds and curvatures of the horizon `[B, H]`.

    The plan's first entry, drawn back by one step, is where the car should be now.
    """
    trajectory = plan.trajectory[:, : tracking.HORIZON]
    short = tracking.HORIZON - trajectory.shape[1]
    if short > 0:
        trajectory = torch.cat((trajectory, trajectory[:, -1:].expand(-1, short, -1)), dim=1)
    first = trajectory[:, 0]
    step_m = first[:, 3] * plan.dt_s
    turned = first[:, 2] - step_m * first[:, 4]
    middle = 0.5 * (turned + first[:, 2])
    back = step_m.unsqueeze(1) * torch.stack((torch.cos(middle), torch.sin(middle)), dim=-1)
    now = torch.cat((first[:, :2] - back, turned.unsqueeze(1)), dim=-1)
    return rear_of(now, wheelbase_m), trajectory[..., 3], trajectory[..., 4]


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
