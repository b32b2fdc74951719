"""Families with a crossing of roads: signalised, unsignalised, left turn, T-junction, roundabout."""

import itertools
from dataclasses import dataclass

import numpy as np

from sim.scenario import AreaKind, LaneKind, Route, StopKind
from sim.sources.procedural.builder import MapBuilder, bezier, line_between
from sim.sources.procedural.layout import Crossing, Layout

Array = np.ndarray
Rng = np.random.Generator

ARM_LENGTH_M = 170.0
ZEBRA_M = 3.5
STRAIGHT, RIGHT, LEFT = "straight", "right", "left"


@dataclass
class _Arm:
    """One road of a junction: lanes in and out, from the middle of the road outwards."""

    outward: Array
    normal: Array  # to the left when looking outwards
    inbound: list[int]
    outbound: list[int]
    half_width_m: float
    mouth_m: float  # where the lanes end, from the middle of the junction


def signalized_junction(rng: Rng) -> Layout:
    """Four arms, lights in two phases, permissive left turns."""
    return _junction(rng, _angles(rng, 4), int(rng.integers(1, 3)), StopKind.SIGNAL)


def unsignalized_junction(rng: Rng) -> Layout:
    """Four arms: a main road and a minor one with stop or yield signs, or all-way stop."""
    kind = StopKind.STOP_SIGN if rng.random() < 0.6 else StopKind.YIELD
    return _junction(rng, _angles(rng, 4), 1, kind, all_way=bool(rng.random() < 0.3))


def left_turn(rng: Rng) -> Layout:
    """The ego turns left across oncoming traffic that has the right of way."""
    kind = StopKind.SIGNAL if rng.random() < 0.5 else StopKind.YIELD
    return _junction(rng, _angles(rng, 4), 1, kind, ego_turn=LEFT)


def t_junction(rng: Rng) -> Layout:
    """A minor road ends at a main road."""
    kind = StopKind.STOP_SIGN if rng.random() < 0.5 else StopKind.YIELD
    angles = _angles(rng, 4)
    return _junction(rng, np.delete(angles, rng.choice((1, 3))), 1, kind)


def _angles(rng: Rng, count: int) -> Array:
    """Directions of the arms: a main road east-west, the others up to 15 degrees off square."""
    tilt = rng.uniform(-0.26, 0.26)
    angles = np.arange(count) * (2 * np.pi / count)
    angles[1::2] += tilt
    return angles + rng.uniform(-np.pi, np.pi)


def _junction(
    rng: Rng,
    angles: Array,
    lanes: int,
    stop: StopKind,
    all_way: bool = False,
    ego_turn: str | None = None,
) -> Layout:
    """A main road (the first arm and the one facing it) and the arms that cross or join it."""
    builder, width = MapBuilder(), float(rng.uniform(3.2, 3.7))
    limit = float(rng.uniform(9, 14))
    is_main = [abs(np.cos(a - angles[0])) > 0.95 for a in angles]
    radius = lanes * width + float(rng.uniform(8.0, 12.0))
    arms = [_arm(builder, a, lanes, width, limit, radius) for a in angles]
    signal = stop == StopKind.SIGNAL
    equal = signal or all_way
    routes: list[tuple[int, str, Route]] = []
    for a, arm in enumerate(arms):
        for b, other in enumerate(arms):
            if a != b:
                turn = _turn(arm, other)
                rank = {STRAIGHT: 30, RIGHT: 20, LEFT: 10}[turn]
                rank -= 0 if is_main[a] or equal else 40
                for path in _connect(builder, arm, other, turn, width, limit, rank):
                    routes.append((a, turn, path))
        if signal or all_way or not is_main[a]:
            light = a if signal else -1
            kind = StopKind.STOP_SIGN if all_way else stop
            builder.stop_line(tuple(arm.inbound), ZEBRA_M + 2.0, kind, light)
    builder.pave(rounding_m=6.0)
    _mark_inside(builder, arms)
    choices = [k for k, (_, turn, _) in enumerate(routes) if ego_turn in (None, turn)]
    if ego_turn:  # an oncoming arm must exist: only main-road approaches of a four-way
        choices = [k for k in choices if is_main[routes[k][0]]]
    layout = Layout(
        map=builder,
        routes=[path for _, _, path in routes],
        spawn=[_before_and_after(path) for _, _, path in routes],
        ego_route=int(rng.choice(choices)),
        ego_start_m=(ARM_LENGTH_M - 65.0, ARM_LENGTH_M - 40.0),
        light_groups=[0 if main else 1 for main in is_main] if signal else [],
        cars=(9, 17),
        pedestrians=(2, 5),
    )
    for a, arm in enumerate(arms):
        if (signal or a % 2 == 0) and rng.random() < 0.8:
            _zebra(layout, arm, a if signal else -1)
        layout.walks += [_kerb(arm, side) for side in (-1, 1)]
    return layout


def _arm(
    builder: MapBuilder, angle: float, lanes: int, width: float, limit: float, mouth: float
) -> _Arm:
    outward = np.array((np.cos(angle), np.sin(angle)))
    normal = np.array((-outward[1], outward[0]))
    near, far = mouth * outward, (mouth + ARM_LENGTH_M) * outward
    inbound, outbound = [], []
    for k in range(lanes):
        side = (k + 0.5) * width * normal
        inbound.append(builder.add_lane(line_between(far + side, near + side), width, limit))
        outbound.append(builder.add_lane(line_between(near - side, far - side), width, limit))
    for group in (inbound, outbound):
        for left, right in itertools.pairwise(group):
            builder.beside(left, right)
    return _Arm(outward, normal, inbound, outbound, lanes * width, mouth)


def _turn(arm: _Arm, other: _Arm) -> str:
    ahead = -arm.outward
    cross = ahead[0] * other.outward[1] - ahead[1] * other.outward[0]
    if ahead @ other.outward > 0.8:
        return STRAIGHT
    return LEFT if cross > 0 else RIGHT


def _connect(
    builder: MapBuilder, arm: _Arm, other: _Arm, turn: str, width: float, limit: float, rank: int
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


def _before_and_after(path: Route) -> list[tuple[float, float]]:
    """Cars may start well before the stop line, or past the junction."""
    return [
        (4.0, ARM_LENGTH_M - 12.0),
        (len(path.path_m) - ARM_LENGTH_M + 15.0, len(path.path_m) - 40.0),
    ]


def _mark_inside(builder: MapBuilder, arms: list[_Arm]) -> None:
    """The intersection: the hull of the mouths of its arms."""
    import shapely

    corners = [
        arm.mouth_m * arm.outward + side * arm.half_width_m * arm.normal
        for arm in arms
        for side in (-1, 1)
    ]
    builder.add_area(AreaKind.INTERSECTION, shapely.MultiPoint(corners).convex_hull)


def _zebra(layout: Layout, arm: _Arm, light: int) -> None:
    """A crosswalk over one arm, just outside the junction."""
    import shapely

    middle = (arm.mouth_m + 0.5 * ZEBRA_M) * arm.outward
    ends = [middle + side * (arm.half_width_m + 1.5) * arm.normal for side in (-1, 1)]
    layout.map.add_area(
        AreaKind.CROSSWALK, shapely.LineString(ends).buffer(0.5 * ZEBRA_M, cap_style="flat")
    )
    layout.crossings += [Crossing(ends[0], ends[1], light), Crossing(ends[1], ends[0], light)]


def _kerb(arm: _Arm, side: int) -> Array:
    """A walkway along one side of an arm."""
    shift = side * (arm.half_width_m + 3.0) * arm.normal
    start, end = (arm.mouth_m + 12.0) * arm.outward, (arm.mouth_m + 90.0) * arm.outward
    return line_between(start + shift, end + shift)


def roundabout(rng: Rng) -> Layout:
    """One lane around an island; who enters gives way to who circulates."""
    builder, width = MapBuilder(), float(rng.uniform(3.4, 3.75))
    limit, ring_limit = float(rng.uniform(9, 13)), 8.0
    count = int(rng.integers(3, 5))
    angles = np.arange(count) * 2 * np.pi / count + rng.uniform(-0.12, 0.12, count)
    angles = np.sort(angles) + rng.uniform(-np.pi, np.pi)
    radius = float(rng.uniform(14, 19))
    mouth = radius + float(rng.uniform(16, 20))
    arms = [_arm(builder, a, 1, width, limit, mouth) for a in angles]
    delta = 0.62  # where entries and exits touch the ring, beside each arm
    joins, leaves = [], []
    for a in angles:
        joins.append(a + delta)
        leaves.append(a - delta)
    long, short = [], []  # ring lanes: from an entry to the next exit; past an arm
    for k in range(count):
        nxt = leaves[(k + 1) % count] + (2 * np.pi if k == count - 1 else 0.0)
        long.append(
            builder.add_lane(
                _ring(radius, joins[k], nxt), width, ring_limit, LaneKind.CONNECTOR, 50
            )
        )
        short.append(
            builder.add_lane(
                _ring(radius, leaves[k], joins[k]), width, ring_limit, LaneKind.CONNECTOR, 50
            )
        )
    for k in range(count):
        builder.connect(long[k], short[(k + 1) % count])
        builder.connect(short[k], long[k])
    routes, spawn = [], []
    for a, arm in enumerate(arms):
        entry_line = _ring_access(builder.lanes[arm.inbound[0]].centerline_m[-2:], radius, joins[a])
        entry = builder.add_lane(entry_line, width, ring_limit, LaneKind.CONNECTOR, 10)
        exit_tail = builder.lanes[arm.outbound[0]].centerline_m[:2][::-1]
        exit_line = _ring_access(exit_tail, radius, leaves[a], backwards=True)[::-1]
        way_out = builder.add_lane(exit_line, width, ring_limit, LaneKind.CONNECTOR, 50)
        builder.connect(arm.inbound[0], entry)
        builder.connect(entry, long[a])
        builder.connect(long[(a - 1) % count], way_out)
        builder.connect(way_out, arm.outbound[0])
        builder.stop_line((arm.inbound[0],), 1.0, StopKind.YIELD)
        arms[a] = _with_access(arm, entry, way_out)
    for a in range(count):
        for hops in range(1, count):
            b = (a + hops) % count
            ring = [long[a]]
            for k in range(1, hops):
                ring += [short[(a + k) % count], long[(a + k) % count]]
            path = builder.route(
                [
                    arms[a].inbound[0],
                    arms[a].inbound[1],
                    *ring,
                    arms[b].outbound[1],
                    arms[b].outbound[0],
                ]
            )
            routes.append(path)
            spawn.append(
                [
                    (4.0, ARM_LENGTH_M - 10.0),
                    (len(path.path_m) - ARM_LENGTH_M + 12.0, len(path.path_m) - 40.0),
                ]
            )
    builder.pave(rounding_m=2.0)
    ego_start = (ARM_LENGTH_M - 60.0, ARM_LENGTH_M - 35.0)
    layout = Layout(
        builder,
        routes,
        spawn,
        int(rng.integers(len(routes))),
        ego_start,
        cars=(7, 15),
        pedestrians=(1, 4),
    )
    layout.walks += [_kerb(arm, side) for arm in arms for side in (-1, 1)]
    return layout


def _with_access(arm: _Arm, entry: int, way_out: int) -> _Arm:
    """The arm with its connectors to the ring appended to its lanes."""
    return _Arm(
        arm.outward, arm.normal, [*arm.inbound, entry], [*arm.outbound, way_out],
        arm.half_width_m, arm.mouth_m,
    )  # fmt: skip


def _ring(radius: float, start: float, end: float) -> Array:
    """An arc of the ring, counter-clockwise."""
    angle = np.linspace(start, end, max(8, int((end - start) * radius)))
    return radius * np.stack((np.cos(angle), np.sin(angle)), axis=-1)


def _ring_access(lane_end: Array, radius: float, angle: float, backwards: bool = False) -> Array:
    """A curve from the end of an arm's lane to the ring, tangent to both.

    `backwards`: for an exit, drawn from the arm to the ring; the ring is then left clockwise.
    """
    point = radius * np.array((np.cos(angle), np.sin(angle)))
    tangent = np.array((-np.sin(angle), np.cos(angle)))
    if backwards:
        tangent = -tangent
    heading = (lane_end[1] - lane_end[0]).astype(np.float64)
    return bezier(lane_end[1], heading / np.linalg.norm(heading), point, tangent)
