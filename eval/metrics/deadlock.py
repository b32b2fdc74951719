"""Deadlock: the ego and another stand, and each of them is the first thing in the other's way.

Counted once that has lasted 10 s, with neither of them held by a light. The definition is the project's
own; a time-out is something else (`eval.metrics.task`).
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from eval.metrics.declaration import Failure, Metric
from eval.metrics.family import MetricResult
from eval.metrics.sources import OWN
from eval.rollout import Rollout
from sim.geometry import box
from sim.scenario import EGO, LightState

STANDING_MPS = 0.1
LEAST_S = 10.0
LOOK_EVERY_S = 1.0
PIECE_M, PIECES = 2.5, 8  # the way ahead: 20 m from the front bumper, in boxes as wide as the car
HELD_M = 10.0  # a closed line nearer than this holds who stands
# Plain ints: compiled, a tensor compared with an enum's member is silently False.
_RED, _YELLOW = int(LightState.RED), int(LightState.YELLOW)

DEADLOCK = Metric(
    "bevdrive/deadlock", "Deadlock", OWN, higher_is_better=False, failure=Failure("Deadlock", 0.0)
)


def deadlock(rollout: Rollout) -> MetricResult:
    """1 where the ego was in a deadlock for 10 s on end, looked at every second.

    In somebody's way is whose box is in it, or who stands and whose own way, up to this somebody's box,
    crosses it; the first is the one met nearest to the bumper. Ways lead along each one's route; who has no
    route has none, and so is in no deadlock. `per_step`: 1 while one lasts, from its 10th second on.
    """
    stride = max(1, round(LOOK_EVERY_S / rollout.dt_s))
    looks = torch.arange(0, rollout.num_instants, stride, device=rollout.pose.device)
    stands = (rollout.velocity_mps.norm(dim=-1) < STANDING_MPS) & rollout.valid
    moved = (~stands).cumsum(dim=1)[:, looks]
    stood = torch.nn.functional.pad(moved.diff(dim=1) == 0, (0, 0, 1, 0))  # since the look before
    pose, valid = rollout.pose[:, looks], rollout.valid[:, looks]
    way = _ways(rollout, pose)
    stands = stands[:, looks]
    mine = _first_in_way(rollout, way, pose, valid, stands, torch.full_like(looks, EGO))
    his = _first_in_way(rollout, way, pose, valid, stands, mine)
    free = ~_held_by_light(rollout, pose, looks)
    both = (mine > EGO) & (his == EGO)
    for member in (torch.full_like(mine, EGO), mine.clamp(min=0)):
        both = both & _of(stood & free, member)
    same = torch.nn.functional.pad(mine.diff(dim=1) == 0, (1, 0))
    lasts = both & same
    run = _run_length(lasts) * (stride * rollout.dt_s)
    course = (run >= LEAST_S - 1e-3).float()
    course = course.repeat_interleave(stride, dim=1)[:, : rollout.num_instants]
    course = torch.where(rollout.active, course, 0.0)
    return MetricResult(course.amax(dim=1), rollout.active[:, 0], course)


def _ways(rollout: Rollout, pose: Float[Tensor, "b l n 3"]) -> Float[Tensor, "b l n p 3"]:
    """Middles of the pieces of everyone's way ahead; NaN for who has no route."""
    paths, size = rollout.world.paths, rollout.world.size_m
    path = paths.agent_path.unsqueeze(1)
    s_m, offset = paths.along(path.clamp(min=0), pose)
    ahead = (torch.arange(PIECES, device=pose.device) + 0.5) * PIECE_M
    at = (s_m + 0.5 * size[:, None, :, 0]).unsqueeze(-1) + ahead
    frame = paths.frame_at(path.clamp(min=0).unsqueeze(-1).expand(at.shape), at)
    x, y, cos, sin, _ = frame.unbind(-1)
    across = offset.unsqueeze(-1)
    middle = torch.stack((x - sin * across, y + cos * across, torch.atan2(sin, cos)), dim=-1)
    return torch.where((path >= 0)[..., None, None], middle, torch.nan)


def _first_in_way(
    rollout: Rollout,
    way: Float[Tensor, "b l n p 3"],
    pose: Float[Tensor, "b l n 3"],
    valid: Bool[Tensor, "b l n"],
    stands: Bool[Tensor, "b l n"],
    whose: Int[Tensor, "*b l"],
) -> Int[Tensor, "b l"]:
    """Who is the first in the way of agent `whose` (-1: of nobody); -1 where the way is free."""
    size = rollout.world.size_m[:, None, :, :2]
    whose = whose.expand(pose.shape[:2])
    row = torch.arange(len(pose), device=pose.device).unsqueeze(1)
    look = torch.arange(pose.shape[1], device=pose.device)
    own = way[row, look, whose.clamp(min=0)]
    width = rollout.world.size_m[row, whose.clamp(min=0), 1]
    piece = torch.stack((torch.full_like(width, PIECE_M), width), dim=-1)[:, :, None, None]
    body = box.overlaps(own.unsqueeze(2), piece, pose.unsqueeze(3), size.unsqueeze(3))
    wide = torch.stack((torch.full_like(size[..., 0], PIECE_M), size[..., 1]), dim=-1)
    crossed = box.overlaps(
        own[:, :, None, :, None], piece.unsqueeze(3),
        way.unsqueeze(3), wide[:, :, :, None, None],
    )  # fmt: skip
    # The way of somebody who stands right behind `whose` ends at his back.
    back = pose[row, look, whose.clamp(min=0)][:, :, None, None]
    own_size = rollout.world.size_m[row, whose.clamp(min=0), :2][:, :, None, None]
    ends = box.overlaps(way, wide.unsqueeze(3), back, own_size).cumsum(dim=-1) > 0
    crossed = (crossed & ~ends.unsqueeze(3)).any(dim=-1)
    others = torch.arange(pose.shape[2], device=pose.device) != whose.unsqueeze(-1)
    meets = (body | (crossed & stands.unsqueeze(-1))) & (valid & others).unsqueeze(-1)
    number = torch.arange(PIECES, device=pose.device)
    first = torch.where(meets, number, PIECES).amin(dim=-1)
    # A body before the way of another, and nearer ones before farther ones, in the same piece.
    tie = torch.where(body.any(dim=-1), 0.0, 0.5)
    nearest, index = (first + tie).min(dim=-1)
    return torch.where((nearest < PIECES) & (whose >= 0), index, -1)


def _held_by_light(
    rollout: Rollout, pose: Float[Tensor, "b l n 3"], looks: Int[Tensor, " l"]
) -> Bool[Tensor, "b l n"]:
    """Who has a red or yellow line within 10 m of his front bumper (half a metre over is not past)."""
    paths, lights = rollout.world.paths, rollout.world.light_state
    if lights.shape[1] == 0:
        return torch.zeros_like(pose[..., 0], dtype=torch.bool)
    path = paths.agent_path.clamp(min=0)
    s_m, _ = paths.along(path.unsqueeze(1), pose)
    row = paths.row.unsqueeze(1)
    stop_m, light = paths.stop_s_m[row, path], paths.stop_light[row, path]
    gap = stop_m.unsqueeze(1) - (s_m + 0.5 * rollout.world.size_m[:, None, :, 0]).unsqueeze(-1)
    world = torch.arange(len(pose), device=pose.device)[:, None, None, None]
    now = looks.clamp(max=lights.shape[2] - 1)[:, None, None]
    state = lights[world, light.clamp(min=0).unsqueeze(1), now]
    closed = ((state == _RED) | (state == _YELLOW)) & (light >= 0).unsqueeze(1)
    return (closed & (gap > -0.5) & (gap < HELD_M)).any(dim=-1)


def _of(values: Tensor, agent: Int[Tensor, "b l"]) -> Tensor:
    return torch.gather(values, 2, agent.unsqueeze(-1)).squeeze(-1)


def _run_length(holds: Bool[Tensor, "b l"]) -> Tensor:
    """For how many looks on end it has held."""
    number = torch.arange(1, holds.shape[1] + 1, device=holds.device).expand(holds.shape)
    return number - torch.where(holds, 0, number).cummax(dim=1).values
