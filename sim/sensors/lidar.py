"""A spinning lidar with E beams one above another, fired at A azimuths a revolution; batched.

All walls are vertical. So the beams of one azimuth (a column) share one problem in the plane: at which
horizontal distances the column enters and leaves each footprint. Each beam then hits the nearest solid
over whose footprint it comes to one of the solid's heights. The result is that of an exact ray cast, at
a thirtieth of its price. The ground is the plane z = 0 or a `Ground`. The sensor's height counts from
the ground under the ego, and its axis stays vertical on a slope.
"""

import math
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sim import trees
from sim.compiling import materialize
from sim.scenario import EGO
from sim.sensors.ground import NEVER_M
from sim.sensors.lidar_columns import (
    Columns,
    Crossings,
    cross_all,
    cross_some,
    crossed,
    over_footprints_m,
)
from sim.sensors.lidar_presets import LidarSpec
from sim.sensors.lidar_scene import (
    NO_AGENT,
    REFLECTIVITY,
    LidarClass,
    Prisms,
    StaticScene,
    agent_prisms,
    concatenate,
)
from sim.sensors.sweep import LabelledSweep
from sim.world import World, WorldState

_LEVEL = 1e-9  # the slope of a beam that never gets higher
_AT_ONCE = 100_000  # columns times footprints: what is computed for them stays in the cache
_MOST_CROSSED = 16  # by one column; among 200 obstacles and 48 cars 3, at most 13
# Spacing of the samples of the ground at the sensor; distance at which it has doubled.
_STEP_M, _STRETCH_M = 0.3, 60.0


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
        return Columns(origin, direction, height, self._time_s.expand(len(origin), -1))

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

        On a CPU each beam asks only the footprints that its column crosses. On how many those are compiled
        code must not depend: it asks `_MOST_CROSSED`, or all where that is too few. Eager code goes a few
        columns at a time, whose values caches hold. A GPU would have to wait for the number.
        """
        if columns.origin_m.device.type != "cpu":
            return self._meet_all(columns, prisms)
        if torch.compiler.is_compiling():
            which = crossed(self._over_m(columns, prisms), _MOST_CROSSED + 1)
            few = partial(self._meet_some, columns, prisms, which[:, :-1])
            return torch.cond(
                (which[:, -1] < 0).all(), few, partial(self._meet_all, columns, prisms), ()
            )
        batch = len(columns.origin_m)
        solids = prisms.valid.shape[1] + self.static.cylinders.valid.shape[1]
        found = []
        for part in columns.split(max(1, _AT_ONCE // max(batch * solids, 1))):
            over_m = self._over_m(part, prisms)
            most = max(1, int((over_m > 0).sum(dim=1).amax()))
            found.append(self._meet_some(part, prisms, crossed(over_m, most)))
        return tuple(torch.cat(part, dim=2) for part in zip(*found, strict=True))

    def _over_m(self, columns: Columns, prisms: Prisms) -> Float[Tensor, "b g a"]:
        return over_footprints_m(columns, prisms, self.static.cylinders, self.spec.max_range_m)

    def _meet_all(self, columns: Columns, prisms: Prisms) -> tuple[Tensor, ...]:
        return self._first(cross_all(columns, prisms, self.static.cylinders))

    def _meet_some(
        self, columns: Columns, prisms: Prisms, which: Int[Tensor, "b m a"]
    ) -> tuple[Tensor, ...]:
        crossings = cross_some(columns, prisms, self.static.cylinders, which)
        distance, index, wall, enter = self._first(crossings)
        return distance, torch.gather(which.clamp(min=0), 1, index), wall, enter

    def _first(self, crossings: Crossings) -> tuple[Tensor, ...]:
        """What `_meet_solids` tells, of G footprints of each column."""
        enter, leave, wall, low, high = materialize(
            crossings.enter_m, crossings.leave_m, crossings.cos_wall,
            crossings.low_m, crossings.high_m,
        )  # fmt: skip
        slope = self._slope[:, None]
        inverse = 1.0 / torch.where(slope.abs() < _LEVEL, _LEVEL, slope)
        # The distances at which a beam is as high as the solid's foot and top.
        first, second = low.unsqueeze(2) * inverse, high.unsqueeze(2) * inverse
        begins = torch.maximum(enter.unsqueeze(2), torch.minimum(first, second))
        ends = torch.minimum(leave.unsqueeze(2), torch.maximum(first, second))
        distance, index = torch.where((begins < ends) & (begins > 0), begins, NEVER_M).min(dim=1)
        return distance, index, torch.gather(wall, 1, index), torch.gather(enter, 1, index)

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
