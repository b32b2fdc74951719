"""Junctions: arms of roads, the movements between them, and the traffic that takes these."""

import itertools
from dataclasses import dataclass

import numpy as np

from sim.scenario import AreaKind, Route, StopKind
from sim.sources.procedural.builder import MapBuilder, line_between, strip
from sim.sources.procedural.layout import Crossing, Layout

Array = np.ndarray
Rng = np.random.Generator

ARM_LENGTH_M = 170.0
ZEBRA_M = 3.5
STRAIGHT, RIGHT, LEFT = "straight", "right", "left"


@dataclass
class Arm:
    """One road of a junction: lanes in and out, from the middle of the road outwards."""

    outward: Array
    normal: Array  # to the left when looking outwards
    inbound: list[int]
    outbound: list[int]
    half_width_m: float
    mouth_m: float  # where the lanes end, from the middle of the junction


def four_angles(rng: Rng) -> Array:
    """Directions of the arms: a main road east-west, the others up to 15 degrees off square."""
    tilt = rng.uniform(-0.26, 0.26)
    angles = np.arange(4) * (np.pi / 2)
    angles[1::2] += tilt
    return angles + rng.uniform(-np.pi, np.pi)


@dataclass(frozen=True)
class Movement:
    """One way through a junction, from the arm of that number."""

    arm: int
    turn: str
    route: Route


@dataclass(frozen=True)
class Junction:
    """A main road (the first arm and the one facing it) and the arms that cross or join it."""

    map: MapBuilder
    arms: list[Arm]
    movements: list[Movement]
    is_main: list[bool]
    signal: bool
    arm_m: float  # length of the arms

    @property
    def light_groups(self) -> list[int]:
        """The phase of each arm's light."""
        return [0 if main else 1 for main in self.is_main] if self.signal else []


def build_junction(
    rng: Rng,
    angles: Array,
    lanes: int,
    stop: StopKind,
    all_way: bool = False,
    arm_m: float = ARM_LENGTH_M,
) -> Junction:
    """Arms, the movements between them, and where they stop."""
    builder, width = MapBuilder(), float(rng.uniform(3.2, 3.7))
    limit = float(rng.uniform(9, 14))
    is_main = [bool(abs(np.cos(a - angles[0])) > 0.95) for a in angles]
    radius = lanes * width + float(rng.uniform(8.0, 12.0))
    arms = [add_arm(builder, a, lanes, width, limit, radius, arm_m) for a in angles]
    signal = stop == StopKind.SIGNAL
    equal = signal or all_way
    movements: list[Movement] = []
    for a, arm in enumerate(arms):
        for b, other in enumerate(arms):
            if a != b:
                turn = _turn(arm, other)
                rank = {STRAIGHT: 30, RIGHT: 20, LEFT: 10}[turn]
                rank -= 0 if is_main[a] or equal else 40
                for path in _connect(builder, arm, other, turn, width, limit, rank):
                    movements.append(Movement(a, turn, path))
        if signal or all_way or not is_main[a]:
            light = a if signal else -1
            kind = StopKind.STOP_SIGN if all_way else stop
            builder.stop_line(tuple(arm.inbound), ZEBRA_M + 2.0, kind, light)
    builder.pave(rounding_m=6.0)
    _mark_inside(builder, arms)
    return Junction(builder, arms, movements, is_main, signal, arm_m)


def junction_layout(rng: Rng, junction: Junction, ego_turn: str | None = None) -> Layout:
    """Traffic on every movement; the ego on any, or on one that turns so, from the main road."""
    movements, signal = junction.movements, junction.signal
    choices = [k for k, movement in enumerate(movements) if ego_turn in (None, movement.turn)]
    if ego_turn:  # an oncoming arm must exist: only main-road approaches of a four-way
        choices = [k for k in choices if junction.is_main[movements[k].arm]]
    layout = Layout(
        map=junction.map,
        routes=[movement.route for movement in movements],
        spawn=[_before_and_after(movement.route, junction.arm_m) for movement in movements],
        ego_route=int(rng.choice(choices)),
        ego_start_m=(junction.arm_m - 65.0, junction.arm_m - 40.0),
        light_groups=junction.light_groups,
        cars=(9, 17),
        pedestrians=(2, 5),
    )
    for a, arm in enumerate(junction.arms):
        if (signal or a % 2 == 0) and rng.random() < 0.8:
            _zebra(layout, arm, a if signal else -1)
        layout.walks += [kerb(arm, side) for side in (-1, 1)]
    return layout


def add_arm(
    builder: MapBuilder,
    angle: float,
    lanes: int,
    width: float,
    limit: float,
    mouth: float,
    length_m: float = ARM_LENGTH_M,
) -> Arm:
    """An arm whose lanes end `mouth` from the middle of the junction."""
    outward = np.array((np.cos(angle), np.sin(angle)))
    normal = np.array((-outward[1], outward[0]))
    near, far = mouth * outward, (mouth + length_m) * outward
    inbound, outbound = [], []
    for k in range(lanes):
        side = (k + 0.5) * width * normal
        inbound.append(builder.add_lane(line_between(far + side, near + side), width, limit))
        outbound.append(builder.add_lane(line_between(near - side, far - side), width, limit))
    for group in (inbound, outbound):
        for left, right in itertools.pairwise(group):
            builder.beside(left, right)
    return Arm(outward, normal, inbound, outbound, lanes * width, mouth)


def _turn(arm: Arm, other: Arm) -> str:
    ahead = -arm.outward
    cross = ahead[0] * other.outward[1] - ahead[1] * other.outward[0]
    if ahead @ other.outward > 0.8:
        return STRAIGHT
    return LEFT if cross > 0 else RIGHT


def _connect(
    builder: MapBuilder, arm: Arm, other: Arm, turn: str, width: float, limit: float, rank: int
) -> list[Route]:
    """Connectors for one movement: straight on every lane, turns on the lane that faces them."""
    pairs = {
        STRAIGHT: list(zip(arm.inbound, other.outbound, strict=True)),
        LEFT: [(arm.inbound[0], other.outbound[0])],
        RIGHT: [(arm.inbound[-1], other.outbound[-1])],
    }[turn]
    routes = []
    for before, after in pairs:
        middle = builder.connector(before, after, width, limit, rank)
        routes.append(builder.route([before, middle, after]))
    return routes


def _before_and_after(path: Route, arm_m: float) -> list[tuple[float, float]]:
    """Cars may start well before the stop line, or past the junction."""
    return [(4.0, arm_m - 12.0), (len(path.path_m) - arm_m + 15.0, len(path.path_m) - 40.0)]


def _mark_inside(builder: MapBuilder, arms: list[Arm]) -> None:
    """The intersection: the hull of the mouths of its arms."""
    import shapely

    corners = [
        arm.mouth_m * arm.outward + side * arm.half_width_m * arm.normal
        for arm in arms
        for side in (-1, 1)
    ]
    builder.add_area(AreaKind.INTERSECTION, shapely.MultiPoint(corners).convex_hull)


def _zebra(layout: Layout, arm: Arm, light: int) -> None:
    """A crosswalk over one arm, just outside the junction."""
    middle = (arm.mouth_m + 0.5 * ZEBRA_M) * arm.outward
    ends = [middle + side * (arm.half_width_m + 1.5) * arm.normal for side in (-1, 1)]
    layout.map.add_area(AreaKind.CROSSWALK, strip(np.stack(ends), 0.5 * ZEBRA_M))
    layout.crossings += [Crossing(ends[0], ends[1], light), Crossing(ends[1], ends[0], light)]


def kerb(arm: Arm, side: int) -> Array:
    """A walkway along one side of an arm."""
    shift = side * (arm.half_width_m + 3.0) * arm.normal
    start, end = (arm.mouth_m + 12.0) * arm.outward, (arm.mouth_m + 90.0) * arm.outward
    return line_between(start + shift, end + shift)
