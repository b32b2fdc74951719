"""Families with a crossing of roads: signalised, unsignalised, left turn, T-junction, roundabout."""

import numpy as np

from sim.scenario import LaneKind, StopKind
from sim.sources.procedural.builder import MapBuilder, bezier
from sim.sources.procedural.crossroads import (
    ARM_LENGTH_M,
    LEFT,
    Arm,
    add_arm,
    build_junction,
    four_angles,
    junction_layout,
    kerb,
)
from sim.sources.procedural.layout import Layout

Array = np.ndarray
Rng = np.random.Generator


def signalized_junction(rng: Rng) -> Layout:
    """Four arms, lights in two phases, permissive left turns."""
    angles = four_angles(rng)
    return junction_layout(
        rng, build_junction(rng, angles, int(rng.integers(1, 3)), StopKind.SIGNAL)
    )


def unsignalized_junction(rng: Rng) -> Layout:
    """Four arms: a main road and a minor one with stop or yield signs, or all-way stop."""
    kind = StopKind.STOP_SIGN if rng.random() < 0.6 else StopKind.YIELD
    angles = four_angles(rng)
    return junction_layout(
        rng, build_junction(rng, angles, 1, kind, all_way=bool(rng.random() < 0.3))
    )


def left_turn(rng: Rng) -> Layout:
    """The ego turns left across oncoming traffic that has the right of way."""
    kind = StopKind.SIGNAL if rng.random() < 0.5 else StopKind.YIELD
    return junction_layout(rng, build_junction(rng, four_angles(rng), 1, kind), LEFT)


def t_junction(rng: Rng) -> Layout:
    """A minor road ends at a main road."""
    kind = StopKind.STOP_SIGN if rng.random() < 0.5 else StopKind.YIELD
    angles = four_angles(rng)
    angles = np.delete(angles, rng.choice((1, 3)))
    return junction_layout(rng, build_junction(rng, angles, 1, kind))


def roundabout(rng: Rng) -> Layout:
    """One lane around an island; who enters gives way to who circulates."""
    builder, width = MapBuilder(), float(rng.uniform(3.4, 3.75))
    limit, ring_limit = float(rng.uniform(9, 13)), 8.0
    count = int(rng.integers(3, 5))
    angles = np.arange(count) * 2 * np.pi / count + rng.uniform(-0.12, 0.12, count)
    angles = np.sort(angles) + rng.uniform(-np.pi, np.pi)
    radius = float(rng.uniform(14, 19))
    mouth = radius + float(rng.uniform(16, 20))
    arms = [add_arm(builder, a, 1, width, limit, mouth) for a in angles]
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
    layout.walks += [kerb(arm, side) for arm in arms for side in (-1, 1)]
    return layout


def _with_access(arm: Arm, entry: int, way_out: int) -> Arm:
    """The arm with its connectors to the ring appended to its lanes."""
    return Arm(
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
