"""`Layout`: a generated place before anybody is in it, and who has a part to play there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sim.scenario import CueAction, Route
from sim.sources.procedural.builder import MapBuilder
from sim.styles import Spread

NEVER_S = 1e6
RUDE = {"yields": 0.0, "politeness": 0.0}  # a style: lets nobody in


@dataclass(frozen=True)
class Spot:
    """A place for something that stands: a parked car, a cone, a barrier."""

    x_m: float
    y_m: float
    yaw_rad: float
    category: str


@dataclass(frozen=True)
class Crossing:
    """Where pedestrians cross, kerb to kerb; they wait while `light` lets cars through (-1: none)."""

    start_m: np.ndarray
    end_m: np.ndarray
    light: int = -1


@dataclass(frozen=True)
class Cue:
    """What an actor does once the ego is within `reach_m` of `place_m`, or at `latest_s`: see `Cues`."""

    action: CueAction
    place_m: np.ndarray
    reach_m: float
    latest_s: float = NEVER_S
    braking_mps2: float = 0.0
    braking_s: float = 0.0


@dataclass(frozen=True)
class Actor:
    """A driver with a part to play, placed before the rest of the traffic.

    `start_m`: of its centre along its route. `speed_mps` None: as fast as it may be there. `style`:
    what is special about this driver (fields of `Styles`).
    """

    route: Route
    start_m: float
    speed_mps: float | None = None
    category: str = "vehicle.car"
    style: Mapping[str, float] = field(default_factory=dict)
    cue: Cue | None = None


@dataclass(frozen=True)
class Walker:
    """A pedestrian with a part to play: along `line_m`, from its cue on, pausing once on the way."""

    line_m: np.ndarray
    pace_mps: float
    cue: Cue
    pause_at_m: float = np.inf
    pause_s: float = 0.0


@dataclass
class Layout:
    """A map, the routes through it, and where the traffic may stand at the start.

    `spawn[k]` lists intervals of arc length on route k in which cars may start, `weight[k]` says how
    often that route is drawn (None: all alike). Who means to end on route k starts on route
    `starts_on[k]` where it has to change lanes on the way. The ego starts on route `ego_route` within
    `ego_start_m`, at `ego_speed_mps` (None: as fast as it may be); in the recording it drives
    `ego_drives` instead, where it has to leave the line that it is given. `goal_line_m`,
    `time_limit_s`: see `Scenario`.
    """

    map: MapBuilder
    routes: list[Route]
    spawn: list[list[tuple[float, float]]]
    ego_route: int
    ego_start_m: tuple[float, float]
    light_groups: list[int] = field(default_factory=list)  # phase of each light
    lights_from_s: float | None = None  # of their cycle, which begins with green for group 0
    spots: list[Spot] = field(default_factory=list)
    crossings: list[Crossing] = field(default_factory=list)
    walks: list[np.ndarray] = field(default_factory=list)
    cars: tuple[int, int] = (8, 16)
    pedestrians: tuple[int, int] = (2, 6)
    gap_m: tuple[float, float] = (2.0, 20.0)  # beyond the safe gap
    time_gap_s: float = 1.2  # of the safe gap
    speed_factor: float = 0.9
    weight: list[float] | None = None
    starts_on: dict[int, int] = field(default_factory=dict)
    actors: list[Actor] = field(default_factory=list)
    walkers: list[Walker] = field(default_factory=list)
    ego_speed_mps: float | None = None
    ego_drives: Route | None = None
    goal_line_m: np.ndarray | None = None
    time_limit_s: float | None = None
    spread: Spread = "mild"  # of the drivers' styles

    def allow(self, distance_m: float, slack_s: float) -> None:
        """Set the time limit: the way to the goal at 85 % of the ego's speed limit, and some seconds."""
        route = self.routes[self.ego_route]
        limit_mps = self.map.lanes[route.lanes[0]].speed_limit_mps
        self.time_limit_s = distance_m / (0.85 * limit_mps) + slack_s
