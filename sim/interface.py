"""What the parts of the closed loop hand to each other: Observation, Plan, and who makes them.

All of an `Observation` and of a `Plan` is in the ego frame (x forward, y left, origin at the centre
of the ego's box) of the moment they were made.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.dynamics.bicycle import Controls
from sim.errors import InputError
from sim.geometry import se2
from sim.geometry.grid import BevGrid
from sim.maps.field import MapField
from sim.maps.lane_table import LaneSpec, VectorMap
from sim.paths.route_ahead import RouteAhead
from sim.scenario import EGO
from sim.sensors.lidar_presets import LidarSpec
from sim.sensors.raster import RasterSpec
from sim.sensors.sweep import LabelledSweep, LidarSweep
from sim.short_repr import short_repr
from sim.traffic import Traffic
from sim.world import World, WorldState

Perception = Literal["tracks", "visible"]


@dataclass(frozen=True)
class Needs:
    """What a planner asks to be shown beside ego, agents and route; the rest is not computed.

    `history_s`: how far back agents are shown. `map`: questions about the map (`EgoMap`).
    `privileged`: the simulator's own world, the recording included; tables mark such planners.
    `perception`: "tracks" shows all agents; "visible" those in the ego's line of sight, and whoever
    was within the last `sim.world.REMEMBERED_S`, moved on at constant velocity from where it was last
    seen (`sim.sensors.sight`). Agents, history and raster then hold what the ego knew, not what was.
    """

    history_s: float = 0.0
    map: bool = False
    lanes: LaneSpec | None = None
    raster: RasterSpec | None = None
    lidar: LidarSpec | None = None
    privileged: bool = False
    perception: Perception = "tracks"

    @property
    def past_s(self) -> float:
        """How far back anything looks."""
        return max(self.history_s, *(self.raster.past_s if self.raster else ()), 0.0)


@short_repr
@dataclass(frozen=True)
class EgoState:
    """The ego's own motion and shape."""

    speed_mps: Float[Tensor, " b"]
    acceleration_mps2: Float[Tensor, " b"]
    steering_rad: Float[Tensor, " b"]
    size_m: Float[Tensor, "b 2"]  # length, width
    wheelbase_m: Float[Tensor, " b"]


@short_repr
@dataclass(frozen=True)
class Agents:
    """The other road users, now; invalid entries may hold anything. An `id` stays with its agent."""

    id: Int[Tensor, "b a"]
    pose: Float[Tensor, "b a 3"]
    velocity_mps: Float[Tensor, "b a 2"]
    size_m: Float[Tensor, "b a 2"]  # length, width
    kind: Int[Tensor, "b a"]  # AgentKind
    valid: Bool[Tensor, "b a"]

    @staticmethod
    def of(world: World, state: WorldState) -> "Agents":
        """All but the ego, as a state has them, seen from the ego."""
        ego_SE2_world = se2.inverse(state.pose[:, EGO])
        others = slice(EGO + 1, None)
        kind = world.kind[:, others]
        return Agents(
            id=torch.arange(EGO + 1, world.kind.shape[1], device=kind.device).expand(kind.shape),
            pose=se2.compose(ego_SE2_world.unsqueeze(1), state.pose[:, others]),
            velocity_mps=se2.rotate(
                state.velocity_mps[:, others], ego_SE2_world[:, 2].unsqueeze(1)
            ),
            size_m=world.size_m[:, others, :2],
            kind=kind,
            valid=state.valid[:, others],
        )


@short_repr
@dataclass(frozen=True)
class History:
    """The last H instants, `dt_s` apart, the present last; row 0 is the ego, then as in `Agents`.

    Seen from where the ego is now. Before an episode began nothing is valid.
    """

    pose: Float[Tensor, "b n h 3"]
    velocity_mps: Float[Tensor, "b n h 2"]
    valid: Bool[Tensor, "b n h"]


@short_repr
@dataclass(frozen=True)
class EgoMap:
    """The HD map under the ego's feet: questions in the ego frame, answered by the world's rasters."""

    field: MapField
    world_SE2_ego: Float[Tensor, "b 3"]

    def offroad_distance_m(self, points_m: Float[Tensor, "b *p 2"]) -> Tensor:
        """Distance to the edge of the drivable area: positive off it, negative on it."""
        return self.field.offroad_distance_m(self._to_world(points_m))

    def lane_bits(self, points_m: Float[Tensor, "b *p 2"]) -> Tensor:
        """Which lanes cover each point: see `MapField.lane_bits`."""
        return self.field.lane_bits_at(self._to_world(points_m))

    def area_bits(self, points_m: Float[Tensor, "b *p 2"]) -> Tensor:
        """In which areas each point lies: see `AreaBit`."""
        return self.field.area_bits_at(self._to_world(points_m))

    def lane_flow(
        self, points_m: Float[Tensor, "b *p 2"], yaw_rad: Float[Tensor, "b *p"]
    ) -> tuple[Tensor, Tensor]:
        """Whether a lane covers each point, and whether one of them flows within 90 deg of the yaw."""
        turn = self.world_SE2_ego[:, 2].reshape(-1, *(1,) * (yaw_rad.ndim - 1))
        return self.field.lane_flow(self._to_world(points_m), yaw_rad + turn)

    def _to_world(self, points_m: Tensor) -> Tensor:
        pose = self.world_SE2_ego.reshape(-1, *(1,) * (points_m.ndim - 2), 3)
        return se2.transform_points(pose, points_m)


@short_repr
@dataclass(frozen=True)
class Privileged:
    """What only the simulator knows, world frame: maps, recording, everybody's state, true labels.

    `traffic` is what moves the others: with it a planner can try what it means to do.
    """

    world: World
    state: WorldState
    traffic: Traffic
    lidar: LabelledSweep | None


@short_repr
@dataclass(frozen=True)
class Observation:
    """What the ego may know when it plans; None: not asked for in the planner's `Needs`."""

    step: Int[Tensor, " b"]
    dt_s: float
    ego: EgoState
    agents: Agents
    route: RouteAhead
    history: History | None = None
    map: EgoMap | None = None
    lanes: VectorMap | None = None
    raster: Float[Tensor, "b c x y"] | None = None
    lidar: LidarSweep | None = None
    privileged: Privileged | None = None


@short_repr
@dataclass(frozen=True)
class Forecast:
    """M futures of each other road user (in the order of `Observation.agents`), every `dt_s`.

    The first point is one `dt_s` from now; a future of probability 0 may hold anything.
    """

    position_m: Float[Tensor, "b a m t 2"]
    probability: Float[Tensor, "b a m"]
    dt_s: float


@short_repr
@dataclass(frozen=True)
class JointForecast:
    """M futures of a whole scene: row 0 the ego, then the others in the order of `Observation.agents`.

    In each, everyone does what fits what the others do. Ego frame; the first pose is one `dt_s` from now.
    """

    pose: Float[Tensor, "b m n t 3"]
    probability: Float[Tensor, "b m"]
    dt_s: float


class IntentionKind(IntEnum):
    """What somebody is about to do (IntentNet)."""

    KEEP_LANE = 0
    TURN_LEFT = 1
    TURN_RIGHT = 2
    CHANGE_LEFT = 3
    CHANGE_RIGHT = 4
    STOPPING = 5  # comes to stand, or goes on standing, in its lane
    PARKED = 6  # stands, and not in a lane
    OTHER = 7  # who neither drives nor rides, or drives where no lanes are


@short_repr
@dataclass(frozen=True)
class Intention:
    """What each other road user (in the order of `Observation.agents`) is about to do: IntentionKind."""

    logit: Float[Tensor, "b a i"]


@short_repr
@dataclass(frozen=True)
class Occupancy:
    """How likely each cell around the ego is occupied, every `dt_s`, the first one `dt_s` from now."""

    probability: Float[Tensor, "b t x y"]
    grid: BevGrid  # ego frame
    dt_s: float


WHAT_IF_WAYS = ("goes", "waits", "plans")
"""the boldest and the most careful that the ego might do, and what it will"""


@short_repr
@dataclass(frozen=True)
class WhatIf:
    """What N others are expected to do if the ego drives one of the W `WHAT_IF_WAYS`, every `dt_s`.

    `way_m`: the ego's; `agent`: whose the rest is, in the order of `Observation.agents`, -1: nobody's;
    `path_m`: the likeliest of each. `slower`: how likely each is slower than foretold, by itself and then
    in each way; `collision`: how likely the ego runs into it; `change`: total variation between what it does
    then and what it does by itself.
    """

    way_m: Float[Tensor, "b w t 2"]
    agent: Int[Tensor, "b n"]
    path_m: Float[Tensor, "b w n t 2"]
    slower: Float[Tensor, "b v n"]
    collision: Float[Tensor, "b w n"]
    change: Float[Tensor, "b w n"]
    dt_s: float


Tracking = Literal["lqr", "exact"]


@short_repr
@dataclass(frozen=True)
class Plan:
    """A trajectory every `dt_s`; its first entry is where the ego means to be one `dt_s` from now.

    `trajectory` holds x, y, yaw, speed and curvature. `tracking`: a bicycle steered by an LQR follows
    it, or the ego is put where it says. The rest is what led to it, for viewer and report:
    candidates, of a length of their own, their costs, and what each term adds to them, by its name; what
    others were expected to do, what space to be taken, what the others would do if it did something else;
    whom it took to be there, if it was not told by the simulator: forecast and rest are then of these.
    """

    trajectory: Float[Tensor, "b t 5"]
    dt_s: float
    tracking: Tracking = "lqr"
    candidates: Float[Tensor, "b k c 3"] | None = None
    costs: Float[Tensor, "b k"] | None = None
    terms: dict[str, Float[Tensor, "b k"]] | None = None
    forecast: Forecast | None = None
    occupancy: Occupancy | None = None
    what_if: WhatIf | None = None
    perceived: Agents | None = None


@runtime_checkable
class Planner(Protocol):
    """Decides where the ego goes, for all worlds of a batch at once; made for one roll-out.

    It may have `needs: Needs` (nothing, if absent), and `reset(num_worlds, device, generator)`, which
    is called once before the first plan. It may remember what it likes from plan to plan.
    """

    def plan(self, observation: Observation) -> Plan | Controls:
        """A plan for each world, or controls of the ego's bicycle, as policies give them."""
        ...


def needs_of(planner: Planner) -> Needs:
    """What a planner asks for; InputError where it asks for something else than `Needs`."""
    needs = getattr(planner, "needs", Needs())
    if not isinstance(needs, Needs):
        kind = type(planner).__name__
        raise InputError(f"{kind}.needs: expected a sim.interface.Needs, got {needs!r}")
    return needs
