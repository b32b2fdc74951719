"""The recording as states that a simulator can begin from: any instant, with what led to it."""

import torch
from jaxtyping import Int
from torch import Tensor

from sim.cues import NOT_YET
from sim.geometry import se2
from sim.scenario import EGO, AgentKind
from sim.world import Past, World, WorldState, changes_from, speed_along

STANDING_MPS = 0.3
# A plain int: compiled, a tensor compared with an enum's member is silently False.
_PEDESTRIAN = int(AgentKind.PEDESTRIAN)
_OWN_PATH_M = 1.5  # by how much another path must be nearer than an agent's own one
_TURNS_FROM_MPS = 0.5  # slower, a recorded heading says nothing of the steering


def recorded_state(world: World, step: Int[Tensor, " b"]) -> WorldState:
    """Everyone where and as the recording has them at `step`, ready to be driven on from there.

    Accelerations are slopes of the recorded speed over the instants beside `step` that are
    valid; the ego's steering is what bends its path as recorded (straight below 0.5 m/s).
    """
    log, last = world.log, world.log.valid.shape[2] - 1
    batch = torch.arange(len(step), device=step.device)
    now = step.clamp(max=last)

    def at(values: Tensor, instant: Tensor) -> Tensor:
        return values[batch, :, instant]

    before, after = (now - 1).clamp(min=0), (now + 1).clamp(max=last)
    valid = at(log.valid, now)
    before = torch.where(at(log.valid, before), before.unsqueeze(1), now.unsqueeze(1))
    after = torch.where(at(log.valid, after), after.unsqueeze(1), now.unsqueeze(1))
    row, agent = batch.unsqueeze(1), torch.arange(valid.shape[1], device=step.device)
    pose_a, pose_b = (log.pose[row, agent, k] for k in (before, after))
    speed_a, speed_b = (
        speed_along(log.pose[row, agent, k], log.velocity_mps[row, agent, k])
        for k in (before, after)
    )
    seconds = ((after - before) * world.dt_s).clamp(min=world.dt_s)
    turn = se2.wrap_angle(pose_b[..., 2] - pose_a[..., 2])[:, EGO] / seconds[:, EGO]
    pose = at(log.pose, now)
    velocity = at(log.velocity_mps, now)
    speed = speed_along(pose, velocity)[:, EGO]
    steering = torch.atan(world.wheelbase_m[:, EGO] * turn / speed)
    path, path_s_m, beside_m = _on_path(world, now, pose, valid)
    change_from_m, change_left = changes_from(beside_m)
    return WorldState(
        step=now,
        pose=pose,
        velocity_mps=velocity,
        acceleration_mps2=torch.where(valid, (speed_b - speed_a) / seconds, 0.0),
        valid=valid,
        ego_steering_rad=torch.where(speed.abs() > _TURNS_FROM_MPS, steering, 0.0),
        path=path,
        path_s_m=path_s_m,
        change_from_m=change_from_m,
        change_left=change_left,
        aside_m=torch.zeros_like(path_s_m),
        waited_s=_wait_s(world, now, valid),
        cue_step=_cue_step(world, now, valid),
        late_steps=torch.zeros_like(path),
    )


def recorded_past(world: World, step: Int[Tensor, " b"], steps: int) -> Past:
    """The recording at `step` and the `steps` instants before it."""
    log = world.log
    ago = torch.arange(-steps, 1, device=step.device)
    instant = step.clamp(max=log.valid.shape[2] - 1).unsqueeze(1) + ago
    known, instant = instant >= 0, instant.clamp(min=0)
    row = torch.arange(len(step), device=step.device).unsqueeze(1)
    pose, velocity, valid = (
        values[row, :, instant].transpose(1, 2)
        for values in (log.pose, log.velocity_mps, log.valid)
    )
    return Past(pose, velocity, valid, known)


def _on_path(
    world: World, step: Tensor, pose: Tensor, valid: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The path that each agent is on, where, and how far left of it.

    Arc lengths are -1 for those who come later, and past the end for those who have left. The path is
    that of the agent's route; for those who change lanes, and are not near it, the nearest they might
    have changed to.
    """
    paths = world.paths
    path, near = paths.agent_path, paths.search(pose)
    x, y, _ = pose.unbind(-1)
    beside = torch.zeros_like(x)
    if paths.lane_changes is not None:
        every = torch.arange(near.shape[1], device=near.device).reshape(1, -1, 1).expand(near.shape)
        _, offset, _ = paths.project(every, near.clamp(min=0.0), x.unsqueeze(1), y.unsqueeze(1))
        possible = paths.lane_changes.alternative[paths.row].transpose(1, 2) & (near >= 0.0)
        cost = torch.where(possible, offset.abs(), torch.inf)
        own = path.clamp(min=0).unsqueeze(1)
        cost = cost.scatter_add(1, own, torch.full_like(cost[:, :1], -_OWN_PATH_M))
        best = cost.argmin(dim=1)
        path = torch.where((path >= 0) & torch.isfinite(cost.amin(dim=1)), best, path)
        beside = torch.gather(offset, 1, path.clamp(min=0).unsqueeze(1)).squeeze(1)
        beside = torch.where(valid & (path >= 0), beside, 0.0)
    guess = torch.gather(near, 1, path.clamp(min=0).unsqueeze(1)).squeeze(1).clamp(min=0.0)
    s_m, _, _ = paths.project(path.clamp(min=0), guess, x, y)
    instants = torch.arange(world.log.valid.shape[2], device=step.device)
    was_there = (world.log.valid & (instants < step.reshape(-1, 1, 1))).any(dim=2)
    gone = paths.num_points.max().to(s_m.dtype)
    s_m = torch.where(valid, s_m.clamp(min=0.0), torch.where(was_there, gone, -1.0))
    return path, s_m, beside


def _cue_step(world: World, step: Tensor, valid: Tensor) -> Tensor:
    """When each agent's cue fell in the recording, if it had."""
    if world.cues is None:
        return torch.full_like(valid, NOT_YET, dtype=torch.long)
    return world.cues.recorded_cue_step(step, world.dt_s)


def _wait_s(world: World, step: Tensor, valid: Tensor) -> Tensor:
    """For how long each agent has been standing in the recording; 0 on foot, where none waits yet."""
    moves = speed_along(world.log.pose, world.log.velocity_mps).abs() >= STANDING_MPS
    instants = torch.arange(moves.shape[2], device=step.device)
    moved = torch.where(moves & (instants <= step.reshape(-1, 1, 1)), instants, 0).amax(dim=2)
    stands = valid & (world.kind != _PEDESTRIAN)
    return torch.where(stands, (step.unsqueeze(1) - moved) * world.dt_s, 0.0)
