"""What each driver meets on its own path: everybody, seen in the coordinates of the driver's path."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sim.path_relations import STRIDE
from sim.scenario import EGO

if TYPE_CHECKING:
    from sim.world import World, WorldState


@dataclass(frozen=True)
class Corridor:
    """Agents j on the path of driver i, `[B, N(i), N(j)]`.

    `gap_m` runs from i's front to the nearest end of j, `reach_m` is how far j's centre may be off
    the path and still touch the strip that i sweeps. `near`: j is anywhere near i's path.
    """

    gap_m: Float[Tensor, "b n n"]
    offset_m: Float[Tensor, "b n n"]
    reach_m: Float[Tensor, "b n n"]
    along_mps: Float[Tensor, "b n n"]
    across_mps: Float[Tensor, "b n n"]
    near: Bool[Tensor, "b n n"]


def own_s_m(world: "World", state: "WorldState", drivers: Tensor) -> Float[Tensor, "b n"]:
    """Arc length of each agent on its own path; the ego's is searched where it drives freely."""
    free_ego = ~drivers[:, EGO]
    ego_s = world.paths.ego_s_m(state.pose[:, :1])
    ego_s = torch.where(free_ego.unsqueeze(1), ego_s, state.path_s_m[:, :1])
    return torch.cat((ego_s, state.path_s_m[:, 1:]), dim=1)


def look_along_paths(
    world: "World", state: "WorldState", own_s: Float[Tensor, "b n"], drivers: Bool[Tensor, "b n"]
) -> Corridor:
    """Project every agent on every path, then read off each driver's own."""
    paths = world.paths
    hint = _hints(world, state, own_s, drivers)
    num_paths = paths.frame.shape[1]
    path = torch.arange(num_paths, device=hint.device).reshape(1, -1, 1).expand(hint.shape)
    points = state.pose[:, None, :, :2].expand(*hint.shape, 2)
    s, offset, frame = paths.project(path, hint.clamp(min=0.0), points)
    yaw = state.pose[:, None, :, 2]
    cos = frame[..., 2] * torch.cos(yaw) + frame[..., 3] * torch.sin(yaw)
    sin = frame[..., 2] * torch.sin(yaw) - frame[..., 3] * torch.cos(yaw)
    vx, vy = state.velocity_mps[:, None, :, 0], state.velocity_mps[:, None, :, 1]
    along = frame[..., 2] * vx + frame[..., 3] * vy
    across = frame[..., 2] * vy - frame[..., 3] * vx
    half = 0.5 * world.size_m[:, None, :, :2]
    half_along = half[..., 0] * cos.abs() + half[..., 1] * sin.abs()
    half_across = half[..., 0] * sin.abs() + half[..., 1] * cos.abs()
    packed = torch.stack((s - half_along, offset, half_across, along, across, hint), dim=-1)
    rear, offset, half_across, along, across, hint = paths.of_agents(packed).unbind(-1)
    front_i = own_s + 0.5 * world.size_m[..., 0]
    near = (hint >= 0.0) & state.valid.unsqueeze(1) & drivers.unsqueeze(2)
    near &= ~torch.eye(near.shape[1], dtype=torch.bool, device=near.device)
    return Corridor(
        gap_m=rear - front_i.unsqueeze(2),
        offset_m=offset,
        reach_m=half_across + 0.5 * world.size_m[..., 1].unsqueeze(2),
        along_mps=along,
        across_mps=across,
        near=near,
    )


def _hints(
    world: "World", state: "WorldState", own_s: Tensor, drivers: Tensor
) -> Float[Tensor, "b p n"]:
    """Where to start projecting each agent on each path, to a few metres; -1: nowhere near.

    Agents on paths: the precomputed relation of the two paths. Agents that follow the recording:
    searched beforehand. The ego on its own: searched now.
    """
    table = world.paths.relations.s_on_path
    batch, num_paths, _, knots = table.shape
    owner = world.paths.agent_path.clamp(min=0)
    knot = torch.round(torch.nan_to_num(own_s) / STRIDE).clamp(0, knots - 1).long()
    row = torch.arange(batch, device=owner.device).reshape(-1, 1, 1)
    path = torch.arange(num_paths, device=owner.device).reshape(1, -1, 1)
    flat = ((row * num_paths + path) * num_paths + owner.unsqueeze(1)) * knots + knot.unsqueeze(1)
    hint = torch.where(
        drivers.unsqueeze(1), table.reshape(-1)[flat], world.log_hint_s_m(state.step)
    )
    free_ego = ~drivers[:, EGO].reshape(-1, 1, 1)
    searched = torch.where(free_ego, world.paths.search(state.pose[:, :1]), hint[..., :1])
    return torch.cat((searched, hint[..., 1:]), dim=-1)
