"""`Layout`: a generated place before anybody is in it."""

from dataclasses import dataclass, field

import numpy as np

from sim.scenario import Route
from sim.sources.procedural.builder import MapBuilder
from sim.styles import Spread


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


@dataclass
class Layout:
    """A map, the routes through it, and where the traffic may stand at the start.

    `spawn[k]` lists intervals of arc length on route k in which cars may start; the ego starts on
    route `ego_route` within `ego_start_m`.
    """

    map: MapBuilder
    routes: list[Route]
    spawn: list[list[tuple[float, float]]]
    ego_route: int
    ego_start_m: tuple[float, float]
    light_groups: list[int] = field(default_factory=list)  # phase of each light
    spots: list[Spot] = field(default_factory=list)
    crossings: list[Crossing] = field(default_factory=list)
    walks: list[np.ndarray] = field(default_factory=list)
    cars: tuple[int, int] = (8, 16)
    pedestrians: tuple[int, int] = (2, 6)
    gap_m: tuple[float, float] = (2.0, 20.0)  # beyond the safe gap
    speed_factor: float = 0.9
    spread: Spread = "mild"  # of the drivers' styles
