"""What each driver meets on its own path: everybody, seen in the coordinates of the driver's path."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sim import trees
from sim.compiling import materialize
from sim.paths.paths import Paths
from sim.scenario import EGO
from sim.traffic.drivers import Drivers
from sim.traffic.path_relations import STRIDE, Relations
from sim.world import Log, World, WorldState

HINT_EVERY = 5  # steps between the instants at which recorded agents are searched on the paths


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


@dataclass(frozen=True)
class Lookout:
    """What is prepared for finding agents on paths.

    `log_hint_s_m`: where each agent without a path is along every path, every `HINT_EVERY` steps;
    -1: far away, or an agent with a path of its own. `drives_ego`: the ego keeps to its path too.
    """

    drives_ego: bool
    drivers: Drivers
    relations: Relations
    log_hint_s_m: Float[Tensor, "b h p n"]

    @staticmethod
    def of(world: World, drives_ego: bool) -> "Lookout":
        """For the scenarios of a world; on its device."""
        relations = trees.to(Relations.of(world.scenarios, world.paths), world.size_m.device)
        return Lookout(
            drives_ego,
            Drivers.of(world.paths, relations, world.log.valid[:, :, 0]),
            relations,
            _search_log(world.paths, world.log),
        )

    def own_s_m(self, world: World, state: WorldState) -> Float[Tensor, "b d"]:
        """Arc length of each driver on its own path; the ego's is searched where it drives freely."""
        own = self.drivers.pick(state.path_s_m)
        if self.drives_ego:
            return own
        return torch.cat((world.paths.ego_s_m(state.pose[:, :1]), own[:, 1:]), dim=1)

    def look_along_paths(
        self, world: World, state: WorldState, own_s: Float[Tensor, "b d"]
    ) -> Corridor:
        """Project every agent on every path, then read off each driver's own."""
        drivers = self.drivers
        hint = self._hints(world, state, own_s)
        seen = _project_all(world, state, hint)
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
        self, world: World, state: WorldState, own_s: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b p n"]:
        """Where to start projecting each agent on each path, to a few metres; -1: nowhere near.

        Drivers: the precomputed relation of the two paths. Agents that follow the recording: searched
        beforehand. The ego on its own: searched now.
        """
        paths, table = world.paths, self.relations.s_on_path
        _, num_paths, _, knots = table.shape
        row = paths.row.reshape(-1, 1, 1)
        path = torch.arange(num_paths, device=table.device).reshape(1, -1, 1)
        own = paths.agent_path.clamp(min=0).unsqueeze(1)
        knot = torch.round(torch.nan_to_num(self.drivers.spread(own_s)) / STRIDE)
        knot = knot.clamp(0, knots - 1)
        flat = ((row * num_paths + path) * num_paths + own) * knots + knot.long().unsqueeze(1)
        drives = (paths.agent_path >= 0).unsqueeze(1)
        instant = (state.step // HINT_EVERY).clamp(max=self.log_hint_s_m.shape[1] - 1)
        recorded = self.log_hint_s_m[torch.arange(len(instant), device=instant.device), instant]
        hint = torch.where(drives, table.reshape(-1)[flat], recorded)
        if self.drives_ego:
            return hint
        is_ego = torch.arange(hint.shape[2], device=hint.device) == EGO
        return torch.where(is_ego, paths.search(state.pose[:, :1]), hint)


def _project_all(
    world: World, state: WorldState, hint: Float[Tensor, "b p n"]
) -> tuple[Tensor, ...]:
    """Of every agent on every path `[B, P, N]`: rear end, offset, half width, velocity, nearness."""
    path = torch.arange(hint.shape[1], device=hint.device).reshape(1, -1, 1).expand(hint.shape)
    (x, y, yaw), (vx, vy) = state.pose.unbind(-1), state.velocity_mps.unbind(-1)
    length, width, _ = world.size_m.unbind(-1)
    of_agents = materialize(x, y, torch.cos(yaw), torch.sin(yaw), vx, vy, length, width)
    x, y, cos_yaw, sin_yaw, vx, vy, length, width = (t.unsqueeze(1) for t in of_agents)
    s, offset, frame = world.paths.project(path, hint.clamp(min=0.0), x, y)
    cos = frame[..., 2] * cos_yaw + frame[..., 3] * sin_yaw
    sin = frame[..., 2] * sin_yaw - frame[..., 3] * cos_yaw
    half_along = 0.5 * (length * cos.abs() + width * sin.abs())
    half_across = 0.5 * (length * sin.abs() + width * cos.abs())
    along = frame[..., 2] * vx + frame[..., 3] * vy
    across = frame[..., 2] * vy - frame[..., 3] * vx
    near = (hint >= 0.0) & state.valid.unsqueeze(1)
    return materialize(s - half_along, offset, half_across, along, across, near)


def _search_log(paths: Paths, log: Log) -> Float[Tensor, "b h p n"]:
    """`Lookout.log_hint_s_m`."""
    free = paths.agent_path < 0
    order = torch.argsort(free.int(), dim=1, descending=True, stable=True)
    index = order[:, : int(free.sum(dim=1).max())]
    world = torch.arange(len(free), device=free.device).unsqueeze(1)
    hints = []
    for instant in range(0, log.valid.shape[2], HINT_EVERY):
        found = paths.search(log.pose[world, index, instant])
        hint = found.new_full((*found.shape[:2], free.shape[1]), -1.0)
        hints.append(hint.scatter(2, index.unsqueeze(1).expand(found.shape), found))
    return torch.stack(hints, dim=1)
