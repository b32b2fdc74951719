"""`Scenario`: one recorded or generated episode, on the CPU, as numpy arrays.

Frame: the dataset's map frame moved so that the ego's first position is the origin; the offset
is kept in float64 (`world_offset_m`), so that results can be written back exactly. Agent 0 is the ego.
"""

from dataclasses import dataclass, field, fields
from enum import IntEnum

import numpy as np
from jaxtyping import Bool, Float, Int

from sim.short_repr import short_repr

EGO = 0


class AgentKind(IntEnum):
    """What an agent is to the metrics; the dataset's own name stays in `Tracks.category`."""

    VEHICLE = 0
    CYCLIST = 1
    PEDESTRIAN = 2
    OBJECT = 3  # cones, barriers, debris: never moves by itself


class LaneKind(IntEnum):
    """A lane of a road, or a connector through an intersection."""

    LANE = 0
    CONNECTOR = 1


class AreaKind(IntEnum):
    """Polygons of the map. The last three are kept for who reads them: no raster, no metric does."""

    DRIVABLE = 0
    INTERSECTION = 1
    CROSSWALK = 2
    WALKWAY = 3
    CARPARK = 4
    ROAD_SEGMENT = 5  # of a road, outside intersections
    ROAD_BLOCK = 6  # the lanes of one direction


class LightState(IntEnum):
    """A traffic light, for the traffic that faces it."""

    UNKNOWN = 0
    GREEN = 1
    YELLOW = 2
    RED = 3


class StopKind(IntEnum):
    """Why to stop at a line."""

    SIGNAL = 0
    STOP_SIGN = 1
    YIELD = 2


class Yielding(IntEnum):
    """What a driver, or somebody on foot, does where another has the right of way."""

    NEVER = 0  # goes on, and keeps only from whoever is in its way already
    LATE = 1  # brakes as late as it can
    DUE = 2
    CREEPS = 3  # waits with its front at the other's path


class ObstacleKind(IntEnum):
    """Static things beside the road: the lidar sees them, cars hit them."""

    BUILDING = 0
    WALL = 1
    POLE = 2
    HEDGE = 3
    TREE = 4


@short_repr
@dataclass(frozen=True)
class Tracks:
    """N road users over T steps; row 0 is the ego. Invalid entries hold zeros."""

    track_id: list[str]
    category: list[str]  # nuScenes category names, e.g. "vehicle.car"
    kind: Int[np.ndarray, " n"]  # AgentKind
    size_m: Float[np.ndarray, "n 3"]  # length, width, height
    position_m: Float[np.ndarray, "n t 3"]  # centre of the box
    yaw_rad: Float[np.ndarray, "n t"]
    velocity_mps: Float[np.ndarray, "n t 2"]  # world frame
    valid: Bool[np.ndarray, "n t"]


@short_repr
@dataclass(frozen=True)
class Lane:
    """One lane; `successors`, `predecessors` and neighbours are indices into `LaneMap.lanes`."""

    lane_id: str
    kind: LaneKind
    centerline_m: Float[np.ndarray, "k 2"]
    left_boundary_m: Float[np.ndarray, "l 2"]
    right_boundary_m: Float[np.ndarray, "r 2"]
    polygon_m: Float[np.ndarray, "v 2"]
    speed_limit_mps: float
    successors: tuple[int, ...] = ()
    predecessors: tuple[int, ...] = ()
    left_neighbor: int = -1  # same direction of travel, a car may change into it
    right_neighbor: int = -1
    priority: int = 0  # right of way where paths conflict: the higher number goes first


@short_repr
@dataclass(frozen=True)
class MapArea:
    """A polygon with holes; rings are open (the last vertex does not repeat the first)."""

    kind: AreaKind
    exterior_m: Float[np.ndarray, "v 2"]
    holes_m: tuple[np.ndarray, ...] = ()


@short_repr
@dataclass(frozen=True)
class StopLine:
    """A line `[2, 2]` at which the traffic of `lanes` stops; `light` indexes `Lights.state`."""

    line_m: Float[np.ndarray, "2 2"]
    kind: StopKind
    lanes: tuple[int, ...]
    light: int = -1


@short_repr
@dataclass(frozen=True)
class StaticObstacle:
    """A vertical prism; poles and trunks also carry the radius of their cylinder."""

    kind: ObstacleKind
    footprint_m: Float[np.ndarray, "v 2"]
    height_m: float
    radius_m: float = 0.0


@short_repr
@dataclass(frozen=True)
class GroundHeight:
    """Heights of the ground: `height_m[i, j]` at `origin_m + (i, j) * resolution_m`, world frame."""

    origin_m: Float[np.ndarray, "2"]
    resolution_m: float
    height_m: Float[np.ndarray, "x y"]


@short_repr
@dataclass(frozen=True)
class LaneMap:
    """Everything static. The drivable area is the union of the DRIVABLE areas."""

    lanes: list[Lane] = field(default_factory=list)
    areas: list[MapArea] = field(default_factory=list)
    stop_lines: list[StopLine] = field(default_factory=list)
    obstacles: list[StaticObstacle] = field(default_factory=list)
    ground: GroundHeight | None = None  # None: the plane z = 0


@short_repr
@dataclass(frozen=True)
class Lights:
    """Traffic lights over time."""

    state: Int[np.ndarray, "l t"]  # LightState
    position_m: Float[np.ndarray, "l 2"]


@short_repr
@dataclass(frozen=True)
class Route:
    """Where an agent means to drive: lanes in order, and the line it follows, every metre.

    `lane_of_point` is the lane (index into `LaneMap.lanes`, -1: none) that each point lies on.
    """

    lanes: tuple[int, ...]
    path_m: Float[np.ndarray, "m 2"]
    lane_of_point: Int[np.ndarray, " m"]


class CueAction(IntEnum):
    """What an agent does at its cue."""

    NONE = 0  # it has no cue
    START = 1  # stands until then (on foot: its recording waits so long)
    BRAKE = 2  # brakes as hard as said, for as long as said, then drives on


@short_repr
@dataclass(frozen=True)
class Cues:
    """Parts that agents have to play, a row for each agent: pulling out, stepping out, braking hard.

    The cue falls once the ego's centre is within `reach_m` of `place_m`, or at `latest_s`. `rehearsed_s`
    is when it fell in the recording; an agent on foot walks on from there.
    """

    action: Int[np.ndarray, " n"]  # CueAction
    place_m: Float[np.ndarray, "n 2"]
    reach_m: Float[np.ndarray, " n"]
    latest_s: Float[np.ndarray, " n"]
    braking_mps2: Float[np.ndarray, " n"]
    braking_s: Float[np.ndarray, " n"]
    rehearsed_s: Float[np.ndarray, " n"]


@short_repr
@dataclass(frozen=True)
class Styles:
    """How each agent drives or walks, one row an agent; planners are never told.

    Values for agents that stand or follow their recording mean nothing. The noise of an agent follows
    from the scenario's id and the agent's number. Made by `sim.styles`.
    """

    speed_factor: Float[np.ndarray, " n"]  # desired speed over the speed limit
    headway_s: Float[np.ndarray, " n"]
    min_gap_m: Float[np.ndarray, " n"]
    max_acceleration_mps2: Float[np.ndarray, " n"]
    braking_mps2: Float[np.ndarray, " n"]  # comfortable
    reaction_s: Float[np.ndarray, " n"]  # by which accelerations lag behind what is seen
    politeness: Float[np.ndarray, " n"]  # 0 to 1: of MOBIL, and whether others are let in
    accepted_gap_s: Float[np.ndarray, " n"]  # time until the next car comes, to cross or join
    lane_change_s: Float[np.ndarray, " n"]  # duration of a lane change
    noise_mps2: Float[np.ndarray, " n"]  # standard deviation of what is added to the acceleration
    yields: Int[np.ndarray, " n"]  # Yielding
    runs_red: Bool[np.ndarray, " n"]  # red and yellow mean nothing to it
    rolls_stop: Bool[np.ndarray, " n"]  # passes stop signs slowly, without a halt

    def of_agents(self, index: Int[np.ndarray, " k"]) -> "Styles":
        """Those of some agents, in that order."""
        return Styles(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


@dataclass(frozen=True)
class Scenario:
    """One episode. `notes` says what the source dropped or repaired, one line each.

    `goal_line_m`: the left and the right end of the line that the ego has to cross, as seen when
    driving over it; it spans the lanes that lead on. `time_limit_s`: by when. None: no such task.
    `styles`: None: all alike (`sim.styles.uniform_styles`), and nobody changes lanes.
    """

    scenario_id: str
    source: str
    family: str
    location: str
    dt_s: float
    world_offset_m: Float[np.ndarray, "3"]  # dataset frame = world frame + offset, float64
    tracks: Tracks
    map: LaneMap
    lights: Lights
    routes: list[Route | None]  # per agent; None: it follows its recording (or stands)
    keyframe: Bool[np.ndarray, " t"]  # False: interpolated between key frames
    notes: list[str] = field(default_factory=list)
    goal_line_m: Float[np.ndarray, "2 2"] | None = None
    time_limit_s: float | None = None
    cues: Cues | None = None
    styles: Styles | None = (
        None  # None: all alike (`sim.styles.uniform_styles`), nobody changes lanes
    )

    def __repr__(self) -> str:
        length_s, lanes = (self.num_instants - 1) * self.dt_s, len(self.map.lanes)
        told = f"{self.num_agents} agents, {lanes} lanes, {length_s:.1f} s"
        return f"Scenario({self.scenario_id!r}: {self.family}, {told})"

    @property
    def num_agents(self) -> int:
        return len(self.tracks.track_id)

    @property
    def num_instants(self) -> int:
        """Recorded instants T; the episode lasts `(T - 1) * dt_s`."""
        return self.tracks.valid.shape[1]
