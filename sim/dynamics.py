"""How road users move: the kinematic bicycle with limits and lags, the unicycle of those on foot,
and the tracking of a plan.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from sim import tracking
from sim.geometry import se2
from sim.interface import Controls
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


def unicycle_step(
    pose: Float[Tensor, "*k 3"],
    speed_mps: Float[Tensor, "*k"],
    acceleration_mps2: Float[Tensor, "*k"],
    yaw_rate_radps: Float[Tensor, "*k"],
    dt_s: float,
) -> tuple[Tensor, Tensor]:
    """Pose and speed one step on of somebody on foot, who turns on the spot and never walks back.

    Midpoint rule: the step is taken along the mean of the headings, at the mean of the speeds.
    """
    next_speed = (speed_mps + acceleration_mps2 * dt_s).clamp(min=0.0)
    x, y, yaw = pose.unbind(-1)
    step_m = 0.5 * (speed_mps + next_speed) * dt_s
    middle = yaw + 0.5 * yaw_rate_radps * dt_s
    moved = (x + step_m * torch.cos(middle), y + step_m * torch.sin(middle))
    yaw = se2.wrap_angle(yaw + yaw_rate_radps * dt_s)
    return torch.stack((*moved, yaw), dim=-1), next_speed


def move_ego(
    world: "World", state: "WorldState", controls: "Controls"
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The ego one step on: pose of the centre `[B, 3]`, speed, acceleration and steering `[B]`."""
    wheelbase_m = world.wheelbase_m[:, EGO]
    moved = bicycle_step(
        _ego_car(world, state),
        controls.acceleration_mps2,
        controls.steering_rate_radps,
        wheelbase_m,
        world.dt_s,
    )
    pose = se2.compose(state.pose[:, EGO], center_of(moved.rear_pose, wheelbase_m))
    return pose, moved.speed_mps, moved.acceleration_mps2, moved.steering_rad


def track_plan(
    world: "World", state: "WorldState", plan: "Plan"
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As `move_ego`, after a plan.

    Either exactly where the plan is after `world.dt_s` (`world.exact_tracking`), or LQR and bicycle.
    """
    ego_pose, speed = state.pose[:, EGO], state.speed_mps[:, EGO]
    wheelbase_m = world.wheelbase_m[:, EGO]
    if world.exact_tracking:
        first = plan_entries(plan, speed, world.dt_s, 1)[:, 0]
        pose = se2.compose(ego_pose, first[:, :3])
        steering = torch.atan(first[:, 4] * wheelbase_m)
        return pose, first[:, 3], (first[:, 3] - speed) / world.dt_s, steering
    car = _ego_car(world, state)
    ahead = plan_entries(plan, speed, tracking.DT_S, tracking.HORIZON)
    speeds, curvature = ahead[..., 3], ahead[..., 4]
    first = rear_of(ahead[:, 0, :3], wheelbase_m)
    now = _before(first, curvature[:, 0], speeds[:, 0] * tracking.DT_S)
    gains = tracking.lateral_gains(speeds, curvature, wheelbase_m.unsqueeze(1))
    travelled_m = speeds.sum(dim=1) * tracking.DT_S
    controls = Controls(
        tracking.acceleration_command(speed, speeds[:, -1], travelled_m),
        tracking.steering_rate_command(car.rear_pose, car.steering_rad, now, gains),
    )
    return move_ego(world, state, controls)


def _ego_car(world: "World", state: "WorldState") -> BicycleState:
    """The ego's car, in the frame of the centre of its box."""
    return BicycleState(
        rear_pose=rear_of(torch.zeros_like(state.pose[:, EGO]), world.wheelbase_m[:, EGO]),
        speed_mps=state.speed_mps[:, EGO],
        acceleration_mps2=state.acceleration_mps2[:, EGO],
        steering_rad=state.ego_steering_rad,
    )


def plan_entries(plan: "Plan", speed_mps: Tensor, dt_s: float, count: int) -> Tensor:
    """The plan `[B, count, 5]` at `dt_s`, `2 dt_s`, ...: linear between its entries, then held.

    Before the first entry lies where that is reached from, at the present speed.
    """
    trajectory = plan.trajectory
    if abs(plan.dt_s - dt_s) > 1e-6:
        first, curvature = trajectory[:, 0], trajectory[:, 0, 4]
        travelled = 0.5 * (speed_mps + first[:, 3]) * plan.dt_s
        state = torch.stack((speed_mps, curvature), dim=-1)
        now = torch.cat((_before(first[:, :3], curvature, travelled), state), dim=-1)
        trajectory = torch.cat((now.unsqueeze(1), trajectory), dim=1)
        place = torch.arange(1, count + 1, device=trajectory.device) * (dt_s / plan.dt_s)
        low = place.long().clamp(max=trajectory.shape[1] - 2)
        step = trajectory[:, low + 1] - trajectory[:, low]
        step = torch.cat((step[..., :2], se2.wrap_angle(step[..., 2:3]), step[..., 3:]), dim=-1)
        return trajectory[:, low] + (place - low).clamp(max=1.0).unsqueeze(-1) * step
    short = max(0, count - trajectory.shape[1])
    return torch.cat((trajectory[:, :count], trajectory[:, -1:].expand(-1, short, -1)), dim=1)


def _before(pose: Float[Tensor, "b 3"], curvature: Tensor, travelled_m: Tensor) -> Tensor:
    """The pose `[B, 3]` from which an arc of that length and curvature leads to `pose`."""
    turned = pose[:, 2] - travelled_m * curvature
    middle = 0.5 * (turned + pose[:, 2])
    back = travelled_m.unsqueeze(1) * torch.stack((torch.cos(middle), torch.sin(middle)), dim=-1)
    return torch.cat((pose[:, :2] - back, turned.unsqueeze(1)), dim=-1)


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
