"""BEV rasters in the ego frame, batched over worlds: map, lights, route, road users, velocities.

A cell is set where its centre lies inside (no anti-aliasing); with `softness_m` it is a sigmoid of
the signed distance instead, and carries gradients to the poses of ego and agents.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim import trees
from sim.errors import InputError
from sim.geometry import se2
from sim.geometry.grid import BevGrid
from sim.maps.layers import AREAS, LAYERS, LINES, REACH_M, MapLayers
from sim.scenario import EGO, AgentKind, LightState
from sim.world import World, WorldState

# Plain ints: compiled, a tensor compared with an enum's member is silently False.
_LIGHTS = {f"light_{s.name.lower()}": int(s) for s in LightState if s != LightState.UNKNOWN}
_LANE = ("lane_distance", "lane_sin", "lane_cos")
_AGENTS = {f"{kind.name.lower()}s": int(kind) for kind in AgentKind}
_VELOCITY = ("velocity_x", "velocity_y")
_LIMIT = "speed_limit"
CHANNELS = (*AREAS, *LINES[:-1], *_LIGHTS, *_LANE, _LIMIT, *_AGENTS, "ego", *_VELOCITY)
LINE_CELLS = 1.2  # width of a line: over one cell, so that none is lost between two rows of centres
AROUND = BevGrid(-50.0, -50.0, 0.5, 200, 200)
AHEAD = BevGrid(-60.0, -40.0, 0.4, 350, 200)  # 140 x 80 m


@dataclass(frozen=True)
class RasterSpec:
    """What to draw. Agent channels come once per time of `past_s` (0: now), velocities for now.

    `lane_distance`: to the nearest lane that the ego may reach, over 10 m, at most 1; `lane_sin` and
    `lane_cos`: its direction in the ego frame. `speed_limit`, `velocity_x`, `velocity_y`: in m/s.
    """

    grid: BevGrid = AROUND
    channels: tuple[str, ...] = (
        "drivable", "crosswalk", "centerline", "boundary", "route", "light_red", "vehicles",
        "pedestrians",
    )  # fmt: skip
    past_s: tuple[float, ...] = (0.0,)
    softness_m: float = 0.0

    def __post_init__(self) -> None:
        unknown = [name for name in self.channels if name not in CHANNELS]
        if unknown:
            raise InputError(f"unknown channel {unknown[0]!r} (choices: {', '.join(CHANNELS)})")

    @property
    def layers(self) -> tuple[str, ...]:
        """The map layers that the channels are made from."""
        wanted = set(self.channels)
        if wanted & set(_LIGHTS):
            wanted.add("stop_line")
        if _LIMIT in wanted:
            wanted.add("centerline")
        if wanted & set(_LANE):
            wanted.add("reachable")
        return tuple(name for name in LAYERS if name in wanted)

    @property
    def reach_m(self) -> float:
        """Distance from the ego to the farthest corner of the grid."""
        x_max_m, y_max_m = self.grid.high_m
        return math.hypot(max(-self.grid.x_min_m, x_max_m), max(-self.grid.y_min_m, y_max_m))

    @property
    def names(self) -> list[str]:
        """One name per channel of the image, in order."""
        found = []
        for name in self.channels:
            moving = name in _AGENTS or name == "ego"
            found += [f"{name}@-{s:g}s" if s else name for s in self.past_s] if moving else [name]
        return found


@dataclass(frozen=True)
class Scene:
    """What moves, for H instants (the first is now): all that a raster needs beside the map."""

    pose: Float[Tensor, "b h n 3"]
    valid: Bool[Tensor, "b h n"]
    velocity_mps: Float[Tensor, "b n 2"]
    size_m: Float[Tensor, "b n 2"]
    kind: Int[Tensor, "b n"]
    light_state: Int[Tensor, "b l"]

    @staticmethod
    def of(world: World, state: WorldState, steps_ago: Sequence[int] = (0,)) -> "Scene":
        """Now, and what `state.past` keeps of that many steps ago, in the order of `steps_ago`."""
        pose, valid = [], []
        for steps in steps_ago:
            if steps == 0:
                pose.append(state.pose)
                valid.append(state.valid)
                continue
            if state.past is None:
                raise InputError(f"the state has no past, and {steps} steps ago is asked for")
            pose.append(state.past.pose[:, :, -1 - steps])
            valid.append(state.past.valid[:, :, -1 - steps])
        return Scene(
            pose=torch.stack(pose, dim=1),
            valid=torch.stack(valid, dim=1),
            velocity_mps=state.velocity_mps,
            size_m=world.size_m[..., :2],
            kind=world.kind,
            light_state=world.lights_at(state.step),
        )


@dataclass(eq=False)
class Rasterizer:
    """Draws one world batch after one spec; the map is prepared once."""

    spec: RasterSpec
    layers: MapLayers
    longest_m: float  # diagonal of any agent

    def __post_init__(self) -> None:
        grid = self.spec.grid
        reach = self.longest_m + 16.0 * self.spec.softness_m  # sigmoid(-8) is nothing
        self._patch = math.ceil(reach / grid.resolution_m) + 2

    @staticmethod
    def of(world: World, spec: RasterSpec) -> "Rasterizer":
        """For the scenarios of a world, on its device."""
        layers = MapLayers.from_scenarios(world.scenarios, spec.layers, spec.reach_m)
        longest_m = float(torch.nan_to_num(world.size_m[..., :2]).norm(dim=-1).max())
        return Rasterizer(spec, trees.to(layers, world.size_m.device), longest_m)

    def draw(self, scene: Scene) -> Float[Tensor, "b c x y"]:
        """The image, channels as `spec.names`."""
        instants, wanted = scene.pose.shape[1], len(self.spec.past_s)
        if instants != wanted:
            raise ValueError(f"the scene has {instants} instants, past_s asks for {wanted}")
        static = self._static(scene) if self.spec.layers else {}
        moving = self._moving(scene) if self._asks(*_AGENTS, "ego", *_VELOCITY) else {}
        drawn = static | moving
        return torch.cat([drawn[name] for name in self.spec.channels], dim=1)

    def _asks(self, *names: str) -> bool:
        return any(name in names for name in self.spec.channels)

    def _static(self, scene: Scene) -> dict[str, Tensor]:
        """Channels `[B, 1, X, Y]` of the map and its lights."""
        ego = scene.pose[:, 0, EGO]
        cells = self.layers.find(*self._centers_m(ego))
        drawn = {}
        for name in self.spec.layers:
            distance = self.layers.distance_m(name, cells)
            depth = -distance
            if name in LINES:
                depth = LINE_CELLS / 2 * self.spec.grid.resolution_m - distance.abs()
            drawn[name] = self._edge(depth).unsqueeze(1)
            if name == "reachable" and self._asks(*_LANE):
                gradient = self.layers.gradient(name, cells)
                drawn |= _lane_channels(distance, gradient, ego[:, 2])
        if self._asks(*_LIGHTS):
            state = _light_at(scene.light_state, self.layers.light(cells)).unsqueeze(1)
            for name, wanted in _LIGHTS.items():
                drawn[name] = drawn["stop_line"] * (state == wanted)
        if self._asks(_LIMIT):
            drawn[_LIMIT] = self.layers.limit_mps(cells).unsqueeze(1)
        return drawn

    def _centers_m(self, ego: Float[Tensor, "b 3"]) -> tuple[Tensor, Tensor]:
        """x and y `[B, X, Y]` of each cell's centre in the world frame."""
        grid = self.spec.grid
        i, j = (torch.arange(count, device=ego.device) for count in grid.shape)
        forward, left = grid.center_m(i.unsqueeze(1), j)
        x, y, yaw = ego[:, :, None, None].unbind(1)
        cos, sin = torch.cos(yaw), torch.sin(yaw)
        return x + (cos * forward - sin * left), y + (sin * forward + cos * left)

    def _edge(self, depth_m: Tensor) -> Tensor:
        if self.spec.softness_m > 0:
            return torch.sigmoid(depth_m / self.spec.softness_m)
        return (depth_m > 0).float()

    def _moving(self, scene: Scene) -> dict[str, Tensor]:
        """Channels `[B, H, X, Y]` of the road users, `[B, 1, X, Y]` of their velocities."""
        inside, cell = self._boxes(scene)
        batch, instants, agents = scene.valid.shape
        cells = self.spec.grid.num_cells
        is_ego = torch.arange(agents, device=cell.device) == EGO
        drawn = {}
        for name in self.spec.channels:
            if name not in _AGENTS and name != "ego":
                continue
            member = is_ego if name == "ego" else ~is_ego & (scene.kind == _AGENTS[name])
            member = member.expand(batch, agents)[:, None, :, None]
            value = torch.where(member, inside, 0.0).flatten(2)
            image = value.new_zeros(batch, instants, cells + 1)
            image = image.scatter_reduce(2, cell.flatten(2), value, "amax")
            drawn[name] = image[..., :cells].reshape(batch, instants, *self.spec.grid.shape)
        if self._asks(*_VELOCITY):
            drawn |= self._velocity(scene, inside[:, 0], cell[:, 0], is_ego)
        return drawn

    def _boxes(self, scene: Scene) -> tuple[Float[Tensor, "b h n p"], Int[Tensor, "b h n p"]]:
        """A patch of cells around each box: how much each is inside, and its flat index.

        Cells off the grid and those of invalid agents have the index one past the last.
        """
        grid = self.spec.grid
        ego_SE2_world = se2.inverse(scene.pose[:, :1, EGO].unsqueeze(2))
        pose = se2.compose(ego_SE2_world, torch.nan_to_num(scene.pose))
        steps = torch.arange(self._patch, device=pose.device) - self._patch // 2
        middle = grid.cells(*pose[..., :2].detach().unsqueeze(-2).unbind(-1))
        row, column = (torch.floor(m).clamp(-1e6, 1e6) + steps for m in middle)
        x_m, y_m = grid.center_m(row, column)
        dx = (x_m - pose[..., :1]).unsqueeze(-1)
        dy = (y_m - pose[..., 1:2]).unsqueeze(-2)
        cos, sin = (f(pose[..., 2])[..., None, None] for f in (torch.cos, torch.sin))
        half = 0.5 * torch.nan_to_num(scene.size_m)[:, None, :, None, None]
        along = half[..., 0] - (cos * dx + sin * dy).abs()
        across = half[..., 1] - (cos * dy - sin * dx).abs()
        inside = self._edge(torch.minimum(along, across))
        row, column = row.unsqueeze(-1), column.unsqueeze(-2)
        on_grid = grid.holds(row, column) & scene.valid[..., None, None]
        index = torch.where(on_grid, grid.flat(row, column), float(grid.num_cells)).long()
        return inside.flatten(3), index.flatten(3)

    def _velocity(
        self, scene: Scene, inside: Tensor, cell: Tensor, is_ego: Tensor
    ) -> dict[str, Tensor]:
        """Ego-frame velocity of the others; where two overlap, that of the higher index."""
        batch, agents = scene.kind.shape
        cells = self.spec.grid.num_cells
        index = torch.arange(agents, device=cell.device)
        covered = (inside > 0.5) & ~is_ego[:, None]
        owner = torch.where(covered, index[:, None], -1).flatten(1)
        top = owner.new_full((batch, cells + 1), -1)
        top = top.scatter_reduce(1, cell.flatten(1), owner, "amax")[:, :cells]
        velocity = se2.rotate(scene.velocity_mps, -scene.pose[:, 0, EGO, 2].unsqueeze(1))
        seen = torch.gather(velocity, 1, top.clamp(min=0).unsqueeze(-1).expand(-1, -1, 2))
        seen = torch.where((top >= 0).unsqueeze(-1), seen, 0.0)
        shape = (batch, 1, *self.spec.grid.shape)
        return {name: seen[..., k].reshape(shape) for k, name in enumerate(_VELOCITY)}


def _light_at(light_state: Int[Tensor, "b l"], light: Int[Tensor, "b x y"]) -> Tensor:
    """The state of the light that each cell's stop line obeys."""
    if light_state.shape[1] == 0:
        return torch.zeros_like(light)
    index = light.clamp(min=0).long().flatten(1)
    state = torch.gather(light_state, 1, index).reshape(light.shape)
    return torch.where(light >= 0, state, int(LightState.UNKNOWN))


def _lane_channels(
    distance: Float[Tensor, "b x y"], gradient: tuple[Tensor, Tensor], ego_yaw: Tensor
) -> dict[str, Tensor]:
    """Distance to the lane, and its direction: the gradient is its left normal."""
    gx, gy = gradient
    cos, sin = (f(ego_yaw)[:, None, None] for f in (torch.cos, torch.sin))
    near = distance.abs() < REACH_M
    values = (
        distance.abs().clamp(max=REACH_M) / REACH_M,
        torch.where(near, -gx * cos - gy * sin, 0.0),
        torch.where(near, gy * cos - gx * sin, 0.0),
    )
    return {name: value.unsqueeze(1) for name, value in zip(_LANE, values, strict=True)}
