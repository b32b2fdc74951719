"""What drivers meet on a path: everybody, seen in the coordinates of each path."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim import trees
from sim.compiling import materialize
from sim.paths.paths import Paths, index_at
from sim.scenario import EGO
from sim.traffic.drivers import Drivers, Place
from sim.traffic.lateral import Lateral
from sim.traffic.path_relations import STRIDE, DriverZones, Relations
from sim.traffic.storing import stored
from sim.world import Log, World, WorldState

HINT_EVERY = 5  # steps between the instants at which recorded agents are searched on the paths


@dataclass(frozen=True)
class OnPaths:
    """Every agent n seen from every path p. Who changes lanes covers all that it will yet sweep.

    `half_across_m` of those who are nowhere near a path, or not there, is -inf: they touch nothing.
    """

    rear_m: Float[Tensor, "b p n"]  # arc length of the rear end
    offset_m: Float[Tensor, "b p n"]
    half_across_m: Float[Tensor, "b p n"]
    along_mps: Float[Tensor, "b p n"]
    across_mps: Float[Tensor, "b p n"]

    def seen_from(self, path: Int[Tensor, "b k"]) -> "OnPaths":
        """`[B, K, N]`: from those paths alone."""
        worlds, paths, agents = self.rear_m.shape
        world = torch.arange(worlds, device=path.device).unsqueeze(1)
        row, shape = (world * paths + path).flatten(), (*path.shape, agents)
        return trees.map_tensors(
            lambda seen: seen.flatten(0, 1).index_select(0, row).reshape(shape), self
        )


@dataclass(frozen=True)
class Corridor:
    """Agents n on the path of driver d, `[B, D, N]`.

    `gap_m` runs from d's front to the nearest end of n, `reach_m` is how far n's centre may be off
    the path and still touch the strip that d sweeps; -inf: nowhere near, or d itself.
    """

    gap_m: Float[Tensor, "b d n"]
    offset_m: Float[Tensor, "b d n"]
    reach_m: Float[Tensor, "b d n"]
    along_mps: Float[Tensor, "b d n"]
    across_mps: Float[Tensor, "b d n"]


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

    @property
    def driven(self) -> Bool[Tensor, "b d"]:
        """The drivers that are driven: all but an ego that drives freely."""
        real = self.drivers.real
        return real if self.drives_ego else real & (self.drivers.agent != EGO)

    def own_path(self, state: WorldState) -> Int[Tensor, "b d"]:
        """The path that each driver is on."""
        return self.drivers.pick(state.path).clamp(min=0)

    def zones(self, world: World, path: Int[Tensor, "b d"]) -> DriverZones:
        """Where the paths that the drivers are on conflict."""
        if world.paths.lane_changes is None:
            return self.drivers.zones
        return stored(self.relations.between(world.paths.row, self.drivers.pairs, path))

    def own_s_m(self, world: World, state: WorldState) -> Float[Tensor, "b d"]:
        """Arc length of each driver on its path; the ego's is searched where it drives freely."""
        own = self.drivers.pick(state.path_s_m)
        if self.drives_ego:
            return own
        ego_s, _ = world.paths.along(state.path[:, :1], state.pose[:, :1])
        return torch.cat((ego_s, own[:, 1:]), dim=1)

    def look(
        self,
        world: World,
        state: WorldState,
        velocity_mps: Float[Tensor, "b n 2"],
        own_s: Float[Tensor, "b d"],
        lateral: Lateral | None,
        stands: Bool[Tensor, "b n"] | None,
    ) -> OnPaths:
        """Project every agent on every path; they move, or mean to, with these velocities.

        `stands`: who will sweep nothing, whatever change it is in.
        """
        hint = self._hints(world, state, own_s)
        beside = None
        if lateral is not None:
            drives = state.path >= 0
            drives = drives if stands is None else drives & ~stands
            beside = torch.where(drives, self.drivers.spread(lateral.over_m), 0.0)
            (beside,) = materialize(beside)
        return _project_all(world, state, velocity_mps, hint, beside)

    def corridor(
        self,
        on_paths: OnPaths,
        place: Place,
        lateral: Lateral | None,
        stands: Bool[Tensor, "b n"] | None,
    ) -> Corridor:
        """What each driver meets on the line that it keeps to, and between there and where it is.

        `stands`: what drivers that pull out have made sure not to touch between here and there.
        """
        drivers, seen = self.drivers, on_paths.seen_from(place.path)
        agent = torch.arange(seen.rear_m.shape[2], device=place.path.device)
        half_width = 0.5 * place.size_m[..., 1].unsqueeze(2)
        offset, reach = seen.offset_m, seen.half_across_m + half_width
        if lateral is not None:
            (half_way,) = materialize(0.5 * lateral.over_m.unsqueeze(2))
            if lateral.line_m is not None and stands is not None:
                line = lateral.line_m.unsqueeze(2)
                half_way = torch.where((line != 0.0) & stands.unsqueeze(1), 0.0, half_way)
                offset = offset - line
            offset, reach = offset - half_way, reach + half_way.abs()
        return Corridor(
            gap_m=seen.rear_m - place.front_s_m.unsqueeze(2),
            offset_m=offset,
            reach_m=torch.where(agent == drivers.agent.unsqueeze(2), -torch.inf, reach),
            along_mps=seen.along_mps,
            across_mps=seen.across_mps,
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
        knot = index_at(self.drivers.spread(own_s) / STRIDE, knots)
        (own,) = materialize(state.path.clamp(min=0) * knots + knot)
        flat = (row * num_paths + path) * (num_paths * knots) + own.unsqueeze(1)
        related = table.flatten().index_select(0, flat.flatten()).reshape(flat.shape)
        worlds, instants = self.log_hint_s_m.shape[:2]
        instant = (state.step // HINT_EVERY).clamp(max=instants - 1)
        instant = instant + torch.arange(worlds, device=instant.device) * instants
        recorded = self.log_hint_s_m.flatten(0, 1).index_select(0, instant)
        hint = torch.where((state.path >= 0).unsqueeze(1), related, recorded)
        if self.drives_ego:
            return hint
        return torch.cat((paths.search(state.pose[:, :1]), hint[:, :, 1:]), dim=2)


def _project_all(
    world: World,
    state: WorldState,
    velocity_mps: Float[Tensor, "b n 2"],
    hint: Float[Tensor, "b p n"],
    beside: Tensor | None,
) -> OnPaths:
    """`beside`: how far left of its own path each agent is."""
    path = torch.arange(hint.shape[1], device=hint.device).reshape(1, -1, 1)
    (x, y, yaw), (vx, vy) = state.pose.unbind(-1), velocity_mps.unbind(-1)
    length, width, _ = world.size_m.unbind(-1)
    of_agents = materialize(x, y, torch.cos(yaw), torch.sin(yaw), vx, vy, length, width)
    x, y, cos_yaw, sin_yaw, vx, vy, length, width = (t.unsqueeze(1) for t in of_agents)
    s, offset, frame = world.paths.project(path.expand(len(hint), -1, 1), hint.clamp(min=0.0), x, y)
    cos = frame[..., 2] * cos_yaw + frame[..., 3] * sin_yaw
    sin = frame[..., 2] * sin_yaw - frame[..., 3] * cos_yaw
    half_along = 0.5 * (length * cos.abs() + width * sin.abs())
    half_across = 0.5 * (length * sin.abs() + width * cos.abs())
    along = frame[..., 2] * vx + frame[..., 3] * vy
    across = frame[..., 2] * vy - frame[..., 3] * vx
    near = (hint >= 0.0) & state.valid.unsqueeze(1)
    if beside is not None:
        half_way = 0.5 * beside.unsqueeze(1) * cos
        offset, half_across = offset - half_way, half_across + half_way.abs()
    half_across = torch.where(near, half_across, -torch.inf)
    return OnPaths(*materialize(s - half_along, offset, half_across, along, across))


def _search_log(paths: Paths, log: Log) -> Float[Tensor, "b h p n"]:
    """`Lookout.log_hint_s_m`."""
    free = (paths.agent_path < 0) & log.valid.any(dim=2)
    world, agent = free.nonzero(as_tuple=True)  # few in most worlds, so not padded
    of_agents = replace(paths, row=paths.row[world])
    pose = log.pose[world, agent, ::HINT_EVERY]
    hint = pose.new_full((*free.shape, pose.shape[1], paths.frame.shape[1]), -1.0)
    for instant in range(pose.shape[1]):
        found = of_agents.search(pose[:, instant : instant + 1])
        hint[world, agent, instant] = found.squeeze(2)
    return hint.permute(0, 2, 3, 1).contiguous()
