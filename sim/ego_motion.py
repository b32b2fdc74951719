"""How the ego moves for one step: after a plan, or after commands to its pedals and wheel."""

import torch
from jaxtyping import Float
from torch import Tensor

from sim.dynamics import tracking
from sim.dynamics.bicycle import BicycleState, Controls, bicycle_step, center_of, rear_of
from sim.geometry import se2
from sim.interface import Plan
from sim.scenario import EGO
from sim.world import World, WorldState


def move_ego(
    world: World, state: WorldState, controls: Controls
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
    world: World, state: WorldState, plan: Plan
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As `move_ego`, after a plan.

    Either exactly where the plan is after `world.dt_s` (`Plan.tracking`), or LQR and bicycle.
    """
    ego_pose, speed = state.pose[:, EGO], state.speed_mps[:, EGO]
    wheelbase_m = world.wheelbase_m[:, EGO]
    if plan.tracking == "exact":
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


def _ego_car(world: World, state: WorldState) -> BicycleState:
    """The ego's car, in the frame of the centre of its box."""
    return BicycleState(
        rear_pose=rear_of(torch.zeros_like(state.pose[:, EGO]), world.wheelbase_m[:, EGO]),
        speed_mps=state.speed_mps[:, EGO],
        acceleration_mps2=state.acceleration_mps2[:, EGO],
        steering_rad=state.ego_steering_rad,
    )


def plan_entries(plan: Plan, speed_mps: Tensor, dt_s: float, count: int) -> Tensor:
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
