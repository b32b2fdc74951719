"""Drivers one step on along their paths; who enters, and who has left."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.compiling import materialize
from sim.geometry import box
from sim.scenario import EGO
from sim.traffic.corridor import Lookout
from sim.traffic.drivers import Drivers, Place
from sim.traffic.lateral import Lateral
from sim.traffic.log_replay import replay
from sim.traffic.walking import Walkers, walk
from sim.world import World, WorldState

_CURVATURE = 4  # in a frame of `Paths`
_BACKING_MPS, _BACKING_MPS2 = 2.2, 1.0


@dataclass(frozen=True)
class Course:
    """The path along which each driver goes on, from where, and how far beside it."""

    path: Int[Tensor, "b d"]
    s_m: Float[Tensor, "b d"]
    lateral: Lateral | None  # None: everybody keeps to its path

    def changed(
        self,
        world: World,
        position_m: Float[Tensor, "b d 2"],
        path: Int[Tensor, "b d"],
        near_s_m: Float[Tensor, "b d"],
    ) -> "Course":
        """Those who have another path now are seen from it, and begin to move over to it.

        `near_s_m`: where they are on it, to a metre.
        """
        assert self.lateral is not None
        begins = path != self.path
        x, y = position_m.unbind(-1)
        s_m, offset, _ = world.paths.project(path, near_s_m, x, y)
        s_m = torch.where(begins, s_m, self.s_m)
        return Course(path, s_m, self.lateral.begun(begins, offset))


def advance(
    world: World,
    state: WorldState,
    lookout: Lookout,
    place: Place,
    course: Course,
    acceleration_mps2: Float[Tensor, "b d"],
    walkers: Walkers | None,
    waits: Bool[Tensor, "b n"] | None,
    backs: Bool[Tensor, "b d"] | None,
) -> tuple[WorldState, Bool[Tensor, "b n"]]:
    """Integrate along the paths; replay the rest; let in who enters, drop who has left.

    `waits`: who, on foot, stays at the kerb; `backs`: who backs up, None: nobody ever does. Also: who
    was driven.
    """
    paths, drivers, dt = world.paths, lookout.drivers, world.dt_s
    speed = place.speed_mps
    next_speed = (speed + acceleration_mps2 * dt).clamp(min=0.0)
    if backs is not None:
        speed = drivers.pick(state.speed_mps)
        next_speed = torch.where(
            (speed < 0.0) | backs, _backwards_mps(speed, backs, dt), next_speed
        )
    driven_m = 0.5 * (speed + next_speed) * dt
    lateral, stays = course.lateral, None
    if lateral is None:
        s = course.s_m + driven_m
    else:
        curvature = paths.frame_at(course.path, course.s_m)[..., _CURVATURE]
        s = course.s_m + lateral.along_path_m(driven_m, curvature)
        lateral = lateral.after(driven_m)
        stays = _must_go_on(world, drivers, course.path)
    on_path = paths.pose_at(course.path, s, drivers.pick(world.wheelbase_m))
    if lateral is not None:
        on_path = lateral.beside(on_path)
    on_path, s, next_speed = materialize(on_path, s, next_speed)
    end = paths.num_points[paths.row.unsqueeze(1), course.path] - 1
    arrived = s + 0.5 * place.size_m[..., 0] > end
    arrived = drivers.spread(arrived if stays is None else arrived & ~stays)
    replayed = walk(world, state, replay(world, state), walkers, waits)
    has_path = paths.agent_path >= 0
    drives = has_path & state.valid
    if not lookout.drives_ego:
        drives = drives & (torch.arange(drives.shape[1], device=s.device) != EGO)
    waiting = has_path & ~state.valid & (state.path_s_m < 0.0) & replayed.valid
    enters = waiting & _is_free(world, drivers, state, replayed.pose)
    entry = (state.step + 1).clamp(max=paths.entry_s_m.shape[2] - 1)
    entry_s = paths.entry_s_m[paths.row, :, entry]
    own = torch.where(drives, drivers.spread(s), state.path_s_m)
    heading = torch.stack((torch.cos(on_path[..., 2]), torch.sin(on_path[..., 2])), dim=-1)
    velocity = drivers.spread(next_speed.unsqueeze(-1) * heading)
    push = drivers.spread((next_speed - speed) / dt)
    pick = drives.unsqueeze(-1)
    moved = replace(
        replayed,
        step=state.step + 1,
        pose=torch.where(pick, drivers.spread(on_path), replayed.pose),
        velocity_mps=torch.where(pick, velocity, replayed.velocity_mps),
        acceleration_mps2=torch.where(drives, push, replayed.acceleration_mps2),
        valid=torch.where(has_path, (drives & ~arrived) | enters, replayed.valid),
        path_s_m=torch.where(enters, entry_s, own),
    )
    if lateral is None:
        return moved, drives
    return _with_changes(moved, drives, enters, course, lateral, world, drivers), drives


def _backwards_mps(
    speed_mps: Float[Tensor, "b d"], backs: Bool[Tensor, "b d"], dt_s: float
) -> Float[Tensor, "b d"]:
    """The speed, a step later, of those who back up and of those who come to rest from it."""
    faster = (speed_mps - _BACKING_MPS2 * dt_s).clamp(min=-_BACKING_MPS)
    return torch.where(backs, faster, (speed_mps + _BACKING_MPS2 * dt_s).clamp(max=0.0))


def _must_go_on(world: World, drivers: Drivers, path: Int[Tensor, "b d"]) -> Bool[Tensor, "b d"]:
    """Whose path ends before its route does: it may not leave the world there."""
    changes, row = world.paths.lane_changes, world.paths.row.unsqueeze(1)
    assert changes is not None
    return torch.isfinite(changes.ends_s_m[row, path, drivers.route])


def _with_changes(
    moved: WorldState,
    drives: Bool[Tensor, "b n"],
    enters: Bool[Tensor, "b n"],
    course: Course,
    lateral: Lateral,
    world: World,
    drivers: Drivers,
) -> WorldState:
    """The paths and lane changes of those who drive, and of those who enter: on their routes."""
    fresh = {"path": world.paths.agent_path, "change_from_m": 0.0, "change_left": -1.0}
    of_drivers = {
        "path": course.path, "change_from_m": lateral.from_m, "change_left": lateral.left
    }  # fmt: skip
    if lateral.line_m is not None:
        fresh["aside_m"], of_drivers["aside_m"] = 0.0, lateral.line_m
    changed = {}
    for name, values in of_drivers.items():
        driven = torch.where(drives, drivers.spread(values), getattr(moved, name))
        changed[name] = torch.where(enters, fresh[name], driven)
    return replace(moved, **changed)


def _is_free(
    world: World, drivers: Drivers, state: WorldState, entering: Float[Tensor, "b n 3"]
) -> Bool[Tensor, "b n"]:
    """Whether the place where each late driver would appear is empty (1 m around)."""
    late, size = drivers.late, world.size_m[..., :2]
    if late.shape[1] == 0:
        return torch.ones_like(state.valid)
    row = torch.arange(len(late), device=late.device).unsqueeze(1)
    depth = box.penetration_m(
        entering[row, late].unsqueeze(2), size[row, late].unsqueeze(2) + 1.0,
        state.pose.unsqueeze(1), size.unsqueeze(1),
    )  # fmt: skip
    agent = torch.arange(size.shape[1], device=size.device)
    taken = (depth > 0.0) & state.valid.unsqueeze(1) & (agent != late.unsqueeze(2))
    return torch.gather(~taken.any(dim=2), 1, drivers.late_place)
