"""What each driver meets on its own path: everybody, seen in the coordinates of the driver's path."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sim.compiling import materialize
from sim.path_relations import STRIDE
from sim.scenario import EGO

if TYPE_CHECKING:
    from sim.world import World, WorldState


@dataclass(frozen=True)
class Corridor:
    """Agents n on the path of driver d, `[B, D, N]`.

    `gap_m` runs from d's front to the nearest end of n, `reach_m` is how far n's centre may be off
    the path and still touch the strip that d sweeps. `near`: n is anywhere near d's path.
    """

    gap_m: Float[Tensor, "b d n"]
    offset_m: Float[Tensor, "b d n"]
    reach_m: Float[Tensor, "b d n"]
    along_mps: Float[Tensor, "b d n"]
    across_mps: Float[Tensor, "b d n"]
    near: Bool[Tensor, "b d n"]


def own_s_m(world: "World", state: "WorldState", drives_ego: bool) -> Float[Tensor, "b d"]:
    """Arc length of each driver on its own path; the ego's is searched where it drives freely."""
    own = world.drivers.pick(state.path_s_m)
    if drives_ego:
        return own
    return torch.cat((world.paths.ego_s_m(state.pose[:, :1]), own[:, 1:]), dim=1)


def look_along_paths(
    world: "World", state: "WorldState", own_s: Float[Tensor, "b d"], drives_ego: bool
) -> Corridor:
    """Project every agent on every path, then read off each driver's own."""
    paths, drivers = world.paths, world.drivers
    hint = _hints(world, state, own_s, drives_ego)
    path = torch.arange(hint.shape[1], device=hint.device).reshape(1, -1, 1).expand(hint.shape)
    (x, y, yaw), (vx, vy) = state.pose.unbind(-1), state.velocity_mps.unbind(-1)
    length, width, _ = world.size_m.unbind(-1)
    of_agents = materialize(x, y, torch.cos(yaw), torch.sin(yaw), vx, vy, length, width)
    x, y, cos_yaw, sin_yaw, vx, vy, length, width = (t.unsqueeze(1) for t in of_agents)
    s, offset, frame = paths.project(path, hint.clamp(min=0.0), x, y)
    cos = frame[..., 2] * cos_yaw + frame[..., 3] * sin_yaw
    sin = frame[..., 2] * sin_yaw - frame[..., 3] * cos_yaw
    half_along = 0.5 * (length * cos.abs() + width * sin.abs())
    half_across = 0.5 * (length * sin.abs() + width * cos.abs())
    along = frame[..., 2] * vx + frame[..., 3] * vy
    across = frame[..., 2] * vy - frame[..., 3] * vx
    near = (hint >= 0.0) & state.valid.unsqueeze(1)
    seen = materialize(s - half_along, offset, half_across, along, across, near)
    row = torch.arange(len(hint), device=hint.device).unsqueeze(1)
    rear, offset, half_across, along, across, near = (t[row, drivers.path] for t in seen)
    size = drivers.pick(world.size_m)
    front = own_s + 0.5 * size[..., 0]
    agent = torch.arange(hint.shape[2], device=hint.device)
    return Corridor(
        gap_m=rear - front.unsqueeze(2),
        offset_m=offset,
        reach_m=half_across + 0.5 * size[..., 1].unsqueeze(2),
        along_mps=along,
        across_mps=across,
        near=near & (agent != drivers.agent.unsqueeze(2)),
    )


def _hints(
    world: "World", state: "WorldState", own_s: Float[Tensor, "b d"], drives_ego: bool
) -> Float[Tensor, "b p n"]:
    """Where to start projecting each agent on each path, to a few metres; -1: nowhere near.

    Drivers: the precomputed relation of the two paths. Agents that follow the recording: searched
    beforehand. The ego on its own: searched now.
    """
    paths = world.paths
    table = paths.relations.s_on_path
    _, num_paths, _, knots = table.shape
    row = paths.row.reshape(-1, 1, 1)
    path = torch.arange(num_paths, device=table.device).reshape(1, -1, 1)
    own = paths.agent_path.clamp(min=0).unsqueeze(1)
    knot = torch.round(torch.nan_to_num(world.drivers.spread(own_s)) / STRIDE).clamp(0, knots - 1)
    flat = ((row * num_paths + path) * num_paths + own) * knots + knot.long().unsqueeze(1)
    drives = (paths.agent_path >= 0).unsqueeze(1)
    hint = torch.where(drives, table.reshape(-1)[flat], world.log_hint_s_m(state.step))
    if drives_ego:
        return hint
    is_ego = torch.arange(hint.shape[2], device=hint.device) == EGO
    return torch.where(is_ego, paths.search(state.pose[:, :1]), hint)
