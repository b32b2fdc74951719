"""Who is there: agents collected one after the other, each where nobody is yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from sim.cues import no_cues
from sim.geometry import polyline
from sim.scenario import AgentKind, Cues, Route, Tracks
from sim.sources.procedural.layout import Cue

Array = np.ndarray
Rng = np.random.Generator

# Category: share, length, width, height ranges
FLEET = {
    "vehicle.car": (0.66, (4.2, 5.0), (1.75, 2.0), (1.4, 1.8)),
    "van": (0.12, (5.2, 6.0), (2.0, 2.1), (2.2, 2.6)),
    "vehicle.truck": (0.08, (7.0, 10.0), (2.4, 2.5), (3.0, 3.6)),
    "vehicle.bus.rigid": (0.06, (10.0, 12.0), (2.5, 2.55), (3.0, 3.2)),
    "vehicle.motorcycle": (0.04, (2.0, 2.3), (0.7, 0.9), (1.4, 1.6)),
    "vehicle.bicycle": (0.04, (1.7, 1.9), (0.6, 0.7), (1.6, 1.8)),
}
_LONG = ("vehicle.truck", "vehicle.bus.rigid")
OBJECT_SIZE_M = {
    "movable_object.trafficcone": (0.4, 0.4, 0.9),
    "movable_object.barrier": (0.5, 2.2, 1.0),
}


HALT_S = 0.1 * np.arange(1, 16)
_HALT_MPS2 = 3.0
_REACH_M = 30.0
_AS_OTHERS: Mapping[str, float] = MappingProxyType({})


@dataclass
class Crowd:
    """Agents collected so far: what they are, their tracks, routes and parts."""

    category: list[str] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    size_m: list[tuple[float, float, float]] = field(default_factory=list)
    track: list[Array] = field(default_factory=list)  # [T, 5]: x, y, yaw, vx, vy
    route: list[Route | None] = field(default_factory=list)
    style: list[Mapping[str, float]] = field(default_factory=list)  # what is special about a driver
    cue: list[Cue | None] = field(default_factory=list)
    taken: list[Array] = field(default_factory=list)  # x, y, yaw, length, width
    halt: list[Array] = field(
        default_factory=list
    )  # the same at `HALT_S` instants, braking from the start

    def add(
        self,
        category: str,
        size_m: tuple,
        track: Array,
        route: Route | None,
        style: Mapping[str, float] = _AS_OTHERS,
        cue: Cue | None = None,
        halt: Array | None = None,
    ) -> None:
        """One more, wherever the others are; `halt`: where it is if it brakes (None: it stays)."""
        self.category.append(category)
        self.kind.append(kind_of(category))
        self.size_m.append(size_m)
        self.track.append(track)
        self.route.append(route)
        self.style.append(style)
        self.cue.append(cue)
        self.taken.append(np.array((*track[0, :3], size_m[0], size_m[1])))
        self.halt.append(np.tile(self.taken[-1], (len(HALT_S), 1)) if halt is None else halt)

    def is_free(self, pose: Array, length_m: float, width_m: float) -> bool:
        """Whether a box (its own margins included) touches nobody."""
        if not self.taken:
            return True
        others = np.stack(self.taken)
        return not overlap(np.array((*pose, length_m, width_m)), others).any()

    def is_met(self, halt: Array) -> bool:
        """Whether somebody is met by one that brakes from the start, even though all do."""
        others = np.stack(self.halt)
        near = np.linalg.norm(others[:, 0, :2] - halt[0, :2], axis=1) < _REACH_M
        return bool(overlap(halt, others[near]).any())

    def tracks(self) -> Tracks:
        """Their tracks `[N, T]`, boxes standing on the ground."""
        track = np.stack(self.track)
        height = np.array([size[2] for size in self.size_m])
        z = np.broadcast_to(0.5 * height[:, None, None], (*track.shape[:2], 1))
        return Tracks(
            track_id=[f"agent-{k}" for k in range(len(self.kind))],
            category=self.category,
            kind=np.array(self.kind, dtype=np.int64),
            size_m=np.array(self.size_m, dtype=np.float32),
            position_m=np.concatenate((track[..., :2], z), axis=-1).astype(np.float32),
            yaw_rad=track[..., 2].astype(np.float32),
            velocity_mps=track[..., 3:].astype(np.float32),
            valid=np.ones(track.shape[:2], dtype=bool),
        )

    def cues(self) -> Cues | None:
        """Their parts; None where nobody has one."""
        if not any(self.cue):
            return None
        cues = no_cues(len(self.kind))
        columns = [np.array(column) for column in vars(cues).values()]
        for n, cue in enumerate(self.cue):
            if cue is not None:
                row = (
                    int(cue.action), cue.place_m, cue.reach_m, cue.latest_s,
                    cue.braking_mps2, cue.braking_s, 0.0,
                )  # fmt: skip
                for column, value in zip(columns, row, strict=True):
                    column[n] = value
        return Cues(*columns)


def standing(route: Route, s: float, speed: float, length_m: float, instants: int) -> Array:
    """The start of a driver, both axles on the path, repeated."""
    half = 0.3 * length_m  # half of a wheelbase of 0.6 lengths
    rear, front = polyline.at(route.path_m.astype(np.float64), np.array((s - half, s + half)))
    middle, axis = 0.5 * (rear + front), front - rear
    yaw = polyline.heading_rad(axis)
    return np.tile((*middle, yaw, speed * np.cos(yaw), speed * np.sin(yaw)), (instants, 1))


def halting(route: Route, s: float, speed: float, size_m: tuple[float, float, float]) -> Array:
    """Boxes x, y, yaw, length, width of a driver that brakes from the start, at `HALT_S`."""
    time = np.minimum(HALT_S, speed / _HALT_MPS2)
    there = s + (speed - 0.5 * _HALT_MPS2 * time) * time
    half = 0.3 * size_m[0]
    path = route.path_m.astype(np.float64)
    rear, front = polyline.at(path, there - half), polyline.at(path, there + half)
    yaw = polyline.heading_rad(front - rear)
    size = np.broadcast_to(size_m[:2], (len(HALT_S), 2))
    return np.column_stack((0.5 * (rear + front), yaw, size))


def draw_vehicle(rng: Rng, gentle: bool) -> tuple[str, tuple[float, float, float]]:
    """Category and size of any; long ones only where the route is `gentle`."""
    names = [name for name in FLEET if gentle or name not in _LONG]
    share = np.array([FLEET[name][0] for name in names])
    category = names[int(rng.choice(len(names), p=share / share.sum()))]
    size = draw_size(category, rng)
    return ("vehicle.car" if category == "van" else category), size


def draw_size(category: str, rng: Rng) -> tuple[float, float, float]:
    """Length, width, height of one of a category of `FLEET`."""
    _, *ranges = FLEET[category]
    length, width, height = (float(rng.uniform(*r)) for r in ranges)
    return length, width, height


def kind_of(category: str) -> int:
    """The `AgentKind` of a category."""
    if category.startswith("human"):
        return AgentKind.PEDESTRIAN
    if category in ("vehicle.bicycle", "vehicle.motorcycle"):
        return AgentKind.CYCLIST
    return AgentKind.OBJECT if category.startswith("movable") else AgentKind.VEHICLE


def overlap(one: Array, many: Array) -> Array:
    """Separating axes of boxes `[.. 5]` x, y, yaw, length, width; shapes broadcast."""
    delta = many[..., :2] - one[..., :2]
    turn = many[..., 2] - one[..., 2]
    result = np.ones(turn.shape, dtype=bool)
    cos, sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    for own, other in ((one, many), (many, one)):
        yaw = own[..., 2]
        along = np.abs(np.cos(yaw) * delta[..., 0] + np.sin(yaw) * delta[..., 1])
        across = np.abs(np.cos(yaw) * delta[..., 1] - np.sin(yaw) * delta[..., 0])
        result &= along < 0.5 * (own[..., 3] + other[..., 3] * cos + other[..., 4] * sin)
        result &= across < 0.5 * (own[..., 4] + other[..., 3] * sin + other[..., 4] * cos)
    return result
