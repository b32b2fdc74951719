"""A spinning lidar with E beams one above another, fired at A azimuths a revolution; batched.

All walls are vertical. So the beams of one azimuth (a column) share one problem in the plane: at which
horizontal distances the column enters and leaves each footprint. Each beam then hits the nearest solid
over whose footprint it comes to one of the solid's heights. The result is that of an exact ray cast, at
a thirtieth of its price. The ground is the plane z = 0 or a `Ground`. The sensor's height counts from
the ground under the ego, and its axis stays vertical on a slope.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim import trees
from sim.scenario import EGO
from sim.sensors.ground import NEVER_M
from sim.sensors.lidar_presets import LidarSpec
from sim.sensors.lidar_scene import (
    NO_AGENT,
    REFLECTIVITY,
    Cylinders,
    LidarClass,
    Prisms,
    StaticScene,
    agent_prisms,
    concatenate,
)
from sim.sensors.sweep import LabelledSweep
from sim.world import World, WorldState

_PARALLEL = 1e-9
_AT_ONCE = 100_000  # columns times footprints: what is computed for them stays in the cache
# Spacing of the samples of the ground at the sensor; distance at which it has doubled.
_STEP_M, _STRETCH_M = 0.3, 60.0


@dataclass(frozen=True)
class Columns:
    """Where each column of beams starts and in which direction (of length 1) it looks, world frame."""

    origin_m: Float[Tensor, "b a 2"]
    direction: Float[Tensor, "b a 2"]
    height_m: Float[Tensor, "b #a"]  # z of the sensor; may differ if it moves

    def split(self, number: int) -> list["Columns"]:
        """So many at a time."""
        origin_m, direction = (
            self.origin_m.split(number, dim=1),
            self.direction.split(number, dim=1),
        )
        height_m = self.height_m.expand(self.origin_m.shape[:2]).split(number, dim=1)
        return [Columns(*part) for part in zip(origin_m, direction, height_m, strict=True)]


@dataclass(frozen=True)
class _Crossings:
    """Horizontal distance at which each column enters and leaves each of G footprints.

    `leave_m` below `enter_m`: the column misses it.
    """

    enter_m: Float[Tensor, "b a g"]
    leave_m: Float[Tensor, "b a g"]
    cos_wall: Float[Tensor, "b a g"]  # of the angle to the normal of the side that it enters by


@dataclass(eq=False)
class Lidar:
    """Casts one spec into one world batch; static obstacles are prepared once.

    `moving`: ego and road users move on at constant velocity during the revolution.
    """

    spec: LidarSpec
    static: StaticScene
    moving: bool = False

    def __post_init__(self) -> None:
        spec, device = self.spec, self.static.prisms.normal.device
        elevation = torch.tensor([math.radians(e) for e in spec.elevations_deg], device=device)
        self._slope, self._cos = torch.tan(elevation), torch.cos(elevation)
        turn = torch.arange(spec.num_columns, device=device) / spec.num_columns
        self._azimuth = 2 * math.pi * turn + math.radians(spec.mount_yaw_deg)
        since = torch.where(turn > 0, 1 - turn, 0.0) if spec.clockwise else turn
        self._time_s = (since - 1.0) * spec.spin_s if self.moving else torch.zeros_like(since[:1])
        self._samples_m = _samples_m(spec.max_range_m).to(device)
        self._reflectivity = torch.tensor(REFLECTIVITY, device=device)

    @staticmethod
    def of(world: World, spec: LidarSpec, moving: bool = False) -> "Lidar":
        """A lidar for the scenarios of a world, on its device."""
        static = trees.to(StaticScene.from_scenarios(world.scenarios), world.size_m.device)
        return Lidar(spec, static, moving)

    def sweep(self, world: World, state: WorldState) -> LabelledSweep:
        """The exact returns of the sensor on the ego; `lidar_noise.add_noise` makes them like real ones."""
        prisms = agent_prisms(world, state, self.static.ground)
        return self.cast(self.columns(state), concatenate(prisms, self.static.prisms))

    def columns(self, state: WorldState) -> Columns:
        """The columns of the revolution that ends at `state`, in order of increasing azimuth."""
        x, y, yaw = state.pose[:, EGO].unsqueeze(1).unbind(-1)
        back = state.velocity_mps[:, EGO].unsqueeze(1) * self._time_s[:, None]
        cos, sin = torch.cos(yaw), torch.sin(yaw)
        ahead, left = torch.stack((cos, sin), dim=-1), torch.stack((-sin, cos), dim=-1)
        mount = self.spec.mount_x_m * ahead + self.spec.mount_y_m * left
        ego = torch.stack((x, y), dim=-1) + back
        height = torch.full_like(yaw, self.spec.mount_z_m)
        if self.static.ground is not None:
            height = height + self.static.ground.read(ego)[0]
        azimuth = yaw + self._azimuth
        direction = torch.stack((torch.cos(azimuth), torch.sin(azimuth)), dim=-1)
        origin = (ego + mount).expand_as(direction)
        return Columns(origin, direction, height)

    def cast(
        self, columns: Columns, prisms: Prisms, met: tuple[Tensor, Tensor] | None = None
    ) -> LabelledSweep:
        """Where the beams of the columns first meet a prism, a cylinder or the ground.

        `met` is what `meet_ground(columns)` returned, for callers who have it already.
        """
        distance, index, wall, side = self._meet_solids(columns, prisms)
        ground, on_slope = met or self.meet_ground(columns)
        on_ground = ground <= distance
        distance = torch.minimum(distance, ground)
        cylinders = self.static.cylinders
        agent = torch.cat((prisms.agent, torch.full_like(cylinders.label, NO_AGENT)), dim=1)
        label = torch.cat((prisms.label, cylinders.label), dim=1)
        flat_index = index.flatten(1)
        agent = torch.gather(agent, 1, flat_index).reshape(index.shape)
        label = torch.gather(label, 1, flat_index).reshape(index.shape)
        cos = self._cos[:, None]
        from_side = (distance - side) <= 1e-4 * distance.clamp(min=1.0)
        on_top = torch.where(on_ground, on_slope, (self._slope[:, None] * cos).abs())
        incidence = torch.where(from_side & ~on_ground, wall * cos, on_top)
        range_m = distance / cos
        hit = range_m <= self.spec.max_range_m
        agent = torch.where(hit & ~on_ground, agent, NO_AGENT)
        label = torch.where(on_ground, int(LidarClass.GROUND), label)
        label = torch.where(hit, label, int(LidarClass.NOTHING))
        range_m = torch.where(hit, range_m, 0.0)
        return LabelledSweep(
            range_m=range_m,
            point_m=self.points(range_m),
            intensity=torch.where(hit, self._reflectivity[label] * incidence, 0.0),
            hit=hit,
            agent=agent,
            label=label,
            cos_incidence=torch.where(hit, incidence, 0.0),
        )

    def _meet_solids(self, columns: Columns, prisms: Prisms) -> tuple[Tensor, ...]:
        """Of the solid that each beam meets first, `[B, E, A]`: its distance, its number, the cosine of the
        wall that the column enters by, and where that is.

        On a CPU a few columns at a time, whose values caches hold, and of each column the footprints that
        it crosses. Compiled code does all at once, as its sizes must not differ; so does a GPU, which would
        wait for the number of those that are crossed.
        """
        if columns.origin_m.device.type != "cpu" or torch.compiler.is_compiling():
            return self._meet(columns, prisms, self._time_s, few=False)
        batch, number = columns.origin_m.shape[:2]
        solids = prisms.valid.shape[1] + self.static.cylinders.valid.shape[1]
        step = max(1, _AT_ONCE // max(batch * solids, 1))
        time_s = self._time_s.expand(number).split(step)
        found = [
            self._meet(part, prisms, at, few=True)
            for part, at in zip(columns.split(step), time_s, strict=True)
        ]
        return tuple(torch.cat(part, dim=2) for part in zip(*found, strict=True))

    def _meet(
        self, columns: Columns, prisms: Prisms, time_s: Float[Tensor, " #a"], few: bool
    ) -> tuple[Tensor, ...]:
        cylinders = self.static.cylinders
        flat, curved = _cross_prisms(columns, prisms, time_s), _cross_cylinders(columns, cylinders)
        side = torch.cat((flat.enter_m, curved.enter_m), dim=2)
        leave = torch.cat((flat.leave_m, curved.leave_m), dim=2)
        wall = torch.cat((flat.cos_wall, curved.cos_wall), dim=2)
        low = torch.cat((prisms.low_m, cylinders.low_m), dim=1).unsqueeze(1).expand_as(side)
        high = torch.cat((prisms.high_m, cylinders.high_m), dim=1).unsqueeze(1).expand_as(side)
        which = None
        if few:
            which = _crossed(side, leave, self.spec.max_range_m)
            side, wall, low, high = (which.of(t) for t in (side, wall, low, high))
            leave = torch.where(which.valid, which.of(leave), -NEVER_M)
        slope = self._slope[:, None, None]
        # Heights over the sensor divided by the beam's slope: the distances at which it is that high.
        over = (torch.stack((low, high)) - columns.height_m.unsqueeze(-1)).unsqueeze(2)
        inverse = 1.0 / torch.where(slope.abs() < _PARALLEL, _PARALLEL, slope)
        first, second = over[0] * inverse, over[1] * inverse
        begins = torch.maximum(side.unsqueeze(1), torch.minimum(first, second))
        ends = torch.minimum(leave.unsqueeze(1), torch.maximum(first, second))
        meets = torch.where((begins < ends) & (begins > 0), begins, NEVER_M)
        distance, index = meets.min(dim=-1)
        pick = index.transpose(1, 2)
        wall, side = (torch.gather(t, 2, pick).transpose(1, 2) for t in (wall, side))
        if which is not None:
            index = torch.gather(which.index, 2, pick).transpose(1, 2)
        return distance, index, wall, side

    def meet_ground(self, columns: Columns) -> tuple[Tensor, Tensor]:
        """Horizontal distance to the ground and cosine of the angle of incidence on it.

        Both `[B, E, A]`; `[E, 1]` where the ground is a plane.
        """
        slope, cos = self._slope[:, None], self._cos[:, None]
        if self.static.ground is None:
            distance = torch.where(slope < 0, -self.spec.mount_z_m / slope, NEVER_M)
            return distance, (slope * cos).abs()
        ground = self.static.ground
        origin, direction = columns.origin_m, columns.direction
        distance = ground.cast(origin, direction, columns.height_m, self._slope, self._samples_m)
        _, gradient = ground.read(
            origin.unsqueeze(1) + distance.unsqueeze(-1) * direction.unsqueeze(1)
        )
        uphill = (gradient * direction.unsqueeze(1)).sum(-1)
        return distance, (slope - uphill).abs() * cos / torch.sqrt(1 + gradient.square().sum(-1))

    def points(self, range_m: Float[Tensor, "b e a"]) -> Float[Tensor, "b e a 3"]:
        """Points in the ego frame (x ahead, y left, z over the ground under the ego) at these ranges.

        Zeros where the range is 0.
        """
        over_ground = range_m * self._cos[:, None]
        x = over_ground * torch.cos(self._azimuth) + self.spec.mount_x_m
        y = over_ground * torch.sin(self._azimuth) + self.spec.mount_y_m
        z = over_ground * self._slope[:, None] + self.spec.mount_z_m
        point = torch.stack((x, y, z), dim=-1)
        return torch.where((range_m > 0).unsqueeze(-1), point, 0.0)


def _samples_m(max_range_m: float) -> Float[Tensor, " k"]:
    """K distances at which a column samples the ground: `_STEP_M` apart at first, further out more."""
    count = math.ceil(math.log1p(max_range_m / _STRETCH_M) * _STRETCH_M / _STEP_M)
    k = torch.arange(1, count + 1)
    return _STRETCH_M * torch.expm1(k * (_STEP_M / _STRETCH_M))


def _cross_prisms(columns: Columns, prisms: Prisms, time_s: Float[Tensor, " #a"]) -> _Crossings:
    """Clip each column by the four sides of each prism (Cyrus and Beck 1978).

    `time_s` is when each column was fired (0: at the end of the revolution, before it negative);
    moving prisms are put where they were then.
    """
    origin, direction = columns.origin_m, columns.direction
    enter = origin.new_full((*origin.shape[:2], prisms.valid.shape[1]), -NEVER_M)
    leave = -enter
    cos_wall = torch.zeros_like(enter)
    ox, oy = origin[..., :1], origin[..., 1:]
    dx, dy = direction[..., :1], direction[..., 1:]
    vx, vy = (prisms.velocity_mps[..., k].unsqueeze(1) * time_s[:, None] for k in (0, 1))
    for side in range(4):
        nx, ny = (prisms.normal[:, None, :, side, k] for k in (0, 1))
        outside = (ox - vx) * nx + (oy - vy) * ny - prisms.offset_m[:, None, :, side]
        along = dx * nx + dy * ny
        at = -outside / torch.where(along.abs() < _PARALLEL, _PARALLEL, along)
        inward = along < 0
        later = inward & (at > enter)
        cos_wall = torch.where(later, -along, cos_wall)
        enter = torch.where(later, at, enter)
        leave = torch.where(inward, leave, torch.minimum(leave, at))
        # Parallel to a side and beyond it: never inside.
        missed = (along.abs() < _PARALLEL) & (outside > 0)
        leave = torch.where(missed, -NEVER_M, leave)
    leave = torch.where(prisms.valid.unsqueeze(1), leave, -NEVER_M)
    return _Crossings(torch.nan_to_num(enter), torch.nan_to_num(leave, nan=-NEVER_M), cos_wall)


@dataclass(frozen=True)
class _Few:
    """Numbers of some of G footprints for each column, in their order, padded with what is not `valid`."""

    index: Int[Tensor, "b a m"]
    valid: Bool[Tensor, "b a m"]

    def of(self, values: Float[Tensor, "b a g"]) -> Float[Tensor, "b a m"]:
        """Theirs."""
        return torch.gather(values, 2, self.index)


def _crossed(
    enter_m: Float[Tensor, "b a g"], leave_m: Float[Tensor, "b a g"], max_range_m: float
) -> _Few:
    """Those that columns cross within range: few of them, and only these need be asked for each beam."""
    crossed = (enter_m < leave_m) & (leave_m > 0.0) & (enter_m < max_range_m)
    count = crossed.sum(dim=2)
    index = count.new_zeros(*count.shape, max(int(count.amax()), 1))
    place = torch.arange(index.shape[2], device=index.device)
    valid = place < count.unsqueeze(2)
    index[valid] = crossed.nonzero()[:, 2]
    return _Few(index, valid)


def _cross_cylinders(columns: Columns, cylinders: Cylinders) -> _Crossings:
    """The two roots of the quadratic equation of column and circle."""
    origin, direction = columns.origin_m, columns.direction
    cx, cy = (cylinders.center_m[:, None, :, k] for k in (0, 1))
    rx, ry = cx - origin[..., :1], cy - origin[..., 1:]
    dx, dy = direction[..., :1], direction[..., 1:]
    middle = rx * dx + ry * dy
    beside = rx * dy - ry * dx
    radius = cylinders.radius_m.unsqueeze(1)
    square = radius**2 - beside**2
    half = torch.sqrt(square.clamp(min=0.0))
    seen = (square > 0) & cylinders.valid.unsqueeze(1)
    leave = torch.where(seen, middle + half, -NEVER_M)
    return _Crossings(middle - half, leave, half / radius.clamp(min=1e-6))
