"""What the parts of the closed loop hand to each other: Observation, Plan, and who makes them.

All of an `Observation` and of a `Plan` is in the ego frame (x forward, y left, origin at the centre
of the ego's box) of the moment they were made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.geometry import se2
from sim.geometry.grid import BevGrid
from sim.maps.field import MapField

if TYPE_CHECKING:
    from sim.sensors.lidar import LidarSweep
    from sim.world import World, WorldState


@dataclass(frozen=True)
class EgoState:
    """The ego's own motion and shape."""

    speed_mps: Float[Tensor, " b"]
    acceleration_mps2: Float[Tensor, " b"]
    steering_rad: Float[Tensor, " b"]
    size_m: Float[Tensor, "b 2"]  # length, width
    wheelbase_m: Float[Tensor, " b"]


@dataclass(frozen=True)
class Agents:
    """The other road users, ego frame; invalid entries may hold anything."""

    pose: Float[Tensor, "b n 3"]
    velocity_mps: Float[Tensor, "b n 2"]
    size_m: Float[Tensor, "b n 2"]
    kind: Int[Tensor, "b n"]  # AgentKind
    valid: Bool[Tensor, "b n"]


@dataclass(frozen=True)
class RouteAhead:
    """The ego's reference line, one point a metre, from a little behind the ego onwards.

    `ego_s_m` and `stop_s_m` are arc lengths in the same coordinate: point k lies at k metres.
    Past the end of the route (`length_m`) the points go straight on.
    """

    pose: Float[Tensor, "b r 3"]
    speed_limit_mps: Float[Tensor, "b r"]
    ego_s_m: Float[Tensor, " b"]
    stop_s_m: Float[Tensor, " b"]  # nearest line with a red light ahead; inf: none
    length_m: Float[Tensor, " b"]


@dataclass(frozen=True)
class EgoMap:
    """The map as seen from the ego: questions in the ego frame, answered by the world's `MapField`."""

    field: MapField
    world_SE2_ego: Float[Tensor, "b 3"]

    def to_world(self, points_m: Float[Tensor, "b *p 2"]) -> Tensor:
        """Ego-frame points in the world frame."""
        pose = self.world_SE2_ego.reshape(-1, *(1,) * (points_m.ndim - 2), 3)
        return se2.transform_points(pose, points_m)

    def offroad_distance_m(self, points_m: Float[Tensor, "b *p 2"]) -> Tensor:
        """Distance to the edge of the drivable area: positive off it, negative on it."""
        return self.field.offroad_distance_m(self.to_world(points_m))

    def lane_bits(self, points_m: Float[Tensor, "b *p 2"]) -> Tensor:
        """See `MapField.lane_bits`."""
        return self.field.lane_bits_at(self.to_world(points_m))

    def area_bits(self, points_m: Float[Tensor, "b *p 2"]) -> Tensor:
        """See `MapField.area_bits`."""
        return self.field.area_bits_at(self.to_world(points_m))


@dataclass(frozen=True)
class Observation:
    """What the ego may know when it plans."""

    step: Int[Tensor, " b"]
    dt_s: float
    ego: EgoState
    agents: Agents
    route: RouteAhead
    map: EgoMap
    raster: Float[Tensor, "b c x y"] | None = None
    lidar: "LidarSweep | None" = None


@runtime_checkable
class Sensors(Protocol):
    """What the ego carries (`sim.sensors.suite`)."""

    def sense(
        self, world: "World", state: "WorldState", history: "Sequence[WorldState]"
    ) -> "tuple[Tensor | None, LidarSweep | None]":
        """Raster and sweep of `state`; `history`: the states before it, the latest last."""
        ...


@dataclass(frozen=True)
class Forecast:
    """M futures of each other road user (in the order of `Observation.agents`), every `dt_s`.

    The first point is one `dt_s` from now; a future of probability 0 may hold anything.
    """

    position_m: Float[Tensor, "b n m t 2"]
    probability: Float[Tensor, "b n m"]
    dt_s: float


@dataclass(frozen=True)
class Occupancy:
    """How likely each cell around the ego is occupied, every `dt_s`, the first one `dt_s` from now."""

    probability: Float[Tensor, "b t x y"]
    grid: BevGrid  # ego frame
    dt_s: float


@dataclass(frozen=True)
class Plan:
    """A trajectory every `dt_s`; its first entry is where the ego means to be one `dt_s` from now.

    `trajectory` holds x, y, yaw, speed and curvature. The rest is what led to it, for viewer and
    report: candidates and their costs, what others were expected to do, what space to be taken.
    """

    trajectory: Float[Tensor, "b t 5"]
    dt_s: float
    candidates: Float[Tensor, "b k t 3"] | None = None
    costs: Float[Tensor, "b k"] | None = None
    forecast: Forecast | None = None
    occupancy: Occupancy | None = None


@dataclass(frozen=True)
class Controls:
    """Commands to the ego's bicycle for one step; it lags behind them and limits them."""

    acceleration_mps2: Float[Tensor, " b"]
    steering_rate_radps: Float[Tensor, " b"]


@runtime_checkable
class Planner(Protocol):
    """Decides where the ego goes, for all worlds of a batch at once."""

    def plan(self, observation: Observation) -> Plan:
        """A plan for each world."""
        ...
