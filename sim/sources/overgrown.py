"""Generated scenarios with much more beside the road, for whoever looks at them with a lidar.

Rows of parked cars bumper to bumper, hedges and walls close behind them, bushes, trunks, poles, bollards,
people on the pavement. Nothing of it stands on the road, so the drive stays what it was.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from sim.geometry import polyline
from sim.scenario import (
    EGO,
    AgentKind,
    AreaKind,
    ObstacleKind,
    Scenario,
    StaticObstacle,
    Tracks,
)
from sim.sources.procedural.clutter import circle, rectangle

Rng = np.random.Generator

ROWS, BUSHES, TRUNKS, WALKERS = 40, 120, 120, 20  # tried; what does not fit is left out
_REACH_M = 90.0  # from where the ego drives: a lidar sees no farther
_CAR_M = ((3.8, 5.0), (1.65, 1.95), (1.4, 1.8))
_CAR_GAP_M = (0.35, 1.2)
_KERB_M = (0.1, 0.4)  # from the edge of the road to the side of a parked car
_BEHIND_M = (0.4, 1.0)  # from there to a hedge or a wall
_PERSON_M = (0.5, 0.6, 1.75)
_FREE_M = 0.25  # between any two things but a car and the hedge behind it
_EDGE_STEP_M, _SHORTEST_EDGE_M = 1.0, 10.0


def overgrown(scenario: Scenario, seed: int) -> Scenario:
    """The same drive with more around it; the same seed gives the same."""
    import shapely

    rng = np.random.default_rng(seed)
    road = shapely.union_all(
        [
            shapely.Polygon(area.exterior_m, area.holes_m)
            for area in scenario.map.areas
            if area.kind == AreaKind.DRIVABLE
        ]
    )
    if road.is_empty:
        return scenario
    edges = _edges(road, scenario)
    if not edges:
        return scenario
    taken = _Taken(road, scenario)
    cars, obstacles = [], []
    for _ in range(ROWS):
        for thing in _row(edges, taken, rng):
            (obstacles if isinstance(thing, StaticObstacle) else cars).append(thing)
    people = [box for box in (_walker(edges, taken, scenario, rng) for _ in range(WALKERS)) if box]
    obstacles += _scattered(edges, taken, rng)
    lane_map = replace(scenario.map, obstacles=[*scenario.map.obstacles, *obstacles])
    tracks = _with_standing(scenario.tracks, cars, scenario.dt_s)
    tracks = _with_walking(tracks, people, scenario.dt_s)
    added = len(tracks.track_id) - len(scenario.tracks.track_id)
    return replace(
        scenario,
        tracks=tracks,
        map=lane_map,
        routes=[*scenario.routes, *[None] * added],
        styles=None,
        cues=None,
    )


def _edges(road: Any, scenario: Scenario) -> list[np.ndarray]:
    """Where the road ends, as far as the ego sees, a point every metre; the road is on their right."""
    import shapely
    from shapely.geometry.polygon import orient

    driven = scenario.tracks.position_m[EGO, scenario.tracks.valid[EGO], :2]
    near = shapely.LineString([*driven, driven[-1] + 0.1]).buffer(_REACH_M)
    pieces = [
        shapely.line_merge(shapely.intersection(ring, near), directed=True)
        for part in shapely.get_parts(road)
        for oriented in (orient(part, sign=-1.0),)
        for ring in (oriented.exterior, *oriented.interiors)
    ]
    return [
        polyline.resample(np.asarray(piece.coords), _EDGE_STEP_M)
        for piece in shapely.get_parts(pieces)
        if piece.length > _SHORTEST_EDGE_M
    ]


class _Taken:
    """Where nothing more can stand."""

    def __init__(self, road: Any, scenario: Scenario) -> None:
        import shapely

        self._road = road
        shapely.prepare(self._road)
        tracks = scenario.tracks
        driven = tracks.position_m[tracks.valid][:, :2].astype(np.float64)
        reach = np.repeat(0.5 * np.hypot(*tracks.size_m[:, :2].T), tracks.valid.sum(axis=1))
        spots = shapely.buffer(shapely.points(driven[::3]), reach[::3], quad_segs=2)
        self._spots = shapely.STRtree(spots)
        self._shapes = [shapely.Polygon(o.footprint_m) for o in scenario.map.obstacles]

    def take(self, corner_m: np.ndarray, gap_m: float = _FREE_M, ignored: int = 0) -> bool:
        """Whether this footprint was free; it no longer is. The last `ignored` things may be near."""
        import shapely

        shape = shapely.Polygon(corner_m)
        grown = shape.buffer(gap_m, quad_segs=1)
        if self._road.intersects(shape) or len(self._spots.query(grown, predicate="intersects")):
            return False
        others = self._shapes[: len(self._shapes) - ignored] if ignored else self._shapes
        if shapely.intersects(grown, others).any():
            return False
        self._shapes.append(shape)
        return True


def _row(edges: list[np.ndarray], taken: _Taken, rng: Rng) -> Iterator[Any]:
    """Cars along the edge of the road, as far as there is room, and what grows behind them."""
    line, at_m = _spot(edges, rng)
    count, behind = int(rng.integers(2, 8)), float(rng.uniform(*_BEHIND_M))
    grows, kerb = rng.random() < 0.7, float(rng.uniform(*_KERB_M))
    kind = (ObstacleKind.HEDGE, ObstacleKind.WALL)[int(rng.integers(2))]
    for _ in range(count):
        size = np.array([rng.uniform(*span) for span in _CAR_M])
        middle, yaw = _beside(line, at_m + 0.5 * size[0], kerb + 0.5 * size[1])
        if not taken.take(rectangle(middle, yaw, size[:2])):
            return
        yield np.array((*middle, 0.5 * size[2], *size, yaw))
        if grows:
            depth = float(rng.uniform(0.3, 0.9))
            middle, yaw = _beside(line, at_m + 0.5 * size[0], kerb + size[1] + behind + 0.5 * depth)
            strip = np.array((size[0] + 0.4, depth))
            corner = rectangle(middle, yaw, strip)
            if taken.take(corner, 0.05, ignored=2):
                height = float(rng.uniform(0.8, 2.2))
                yield StaticObstacle(kind, corner.astype(np.float32), height)
        at_m += size[0] + float(rng.uniform(*_CAR_GAP_M))


def _scattered(edges: list[np.ndarray], taken: _Taken, rng: Rng) -> list[StaticObstacle]:
    """Bushes, trunks, poles, bollards."""
    found = []
    for number in range(BUSHES + TRUNKS):
        line, at_m = _spot(edges, rng)
        if number < BUSHES:
            size = np.array((rng.uniform(0.6, 4.0), rng.uniform(0.5, 1.8)))
            height, radius, kind = float(rng.uniform(0.5, 2.0)), 0.0, ObstacleKind.HEDGE
        else:
            kind = (ObstacleKind.TREE, ObstacleKind.POLE)[int(rng.integers(2))]
            radius = float(rng.uniform(0.06, 0.35))
            size = np.full(2, 2.0 * radius)
            height = float(rng.uniform(0.7, 7.0))
        distance = float(rng.uniform(0.3, 12.0)) + 0.5 * float(size.max())
        middle, yaw = _beside(line, at_m, distance)
        if not number % 2 and not radius:
            yaw += float(rng.uniform(-0.6, 0.6))
        corner = rectangle(middle, yaw, size) if not radius else circle(middle, radius)
        if taken.take(corner):
            found.append(StaticObstacle(kind, corner.astype(np.float32), height, radius))
    return found


def _walker(
    edges: list[np.ndarray], taken: _Taken, scenario: Scenario, rng: Rng
) -> tuple[np.ndarray, np.ndarray] | None:
    """Places `[t, 2]` and headings `[t]` of somebody on the pavement; None where there is no room."""
    line, at_m = _spot(edges, rng)
    pace = 0.0 if rng.random() < 0.3 else float(rng.uniform(0.8, 1.6))
    seconds = scenario.dt_s * np.arange(scenario.num_instants)
    from_edge = float(rng.uniform(0.8, 3.0))
    start, yaw = _beside(line, at_m, from_edge)
    ahead = np.array((np.cos(yaw), np.sin(yaw)))
    place = start + pace * seconds[:, None] * ahead
    length = float(pace * seconds[-1]) + 0.6
    if not taken.take(
        rectangle(start + 0.5 * (length - 0.6) * ahead, yaw, np.array((length, 0.7)))
    ):
        return None
    return place, np.full(len(seconds), yaw)


def _spot(edges: list[np.ndarray], rng: Rng) -> tuple[np.ndarray, float]:
    """An edge, drawn by length, and how far along it."""
    lengths = np.array([len(line) for line in edges], dtype=float)
    line = edges[int(rng.choice(len(edges), p=lengths / lengths.sum()))]
    return line, float(rng.uniform(0.0, len(line) - 1.0))


def _beside(line: np.ndarray, at_m: float, distance_m: float) -> tuple[np.ndarray, float]:
    """A point to the left of the line at this length along it, and the line's heading there."""
    k = int(at_m / _EDGE_STEP_M) % (len(line) - 1)
    step = line[k + 1] - line[k]
    yaw = float(np.arctan2(step[1], step[0]))
    left = np.array((-np.sin(yaw), np.cos(yaw)))
    return line[k] + (at_m % _EDGE_STEP_M) * step + distance_m * left, yaw


def _with_standing(tracks: Tracks, boxes: list[np.ndarray], dt_s: float) -> Tracks:
    """Cars that stand, by box `[7]`."""
    instants = tracks.valid.shape[1]
    rows = np.array(boxes).reshape(-1, 7)
    place = np.repeat(rows[:, None, :3], instants, axis=1)
    yaw = np.repeat(rows[:, 6:], instants, axis=1)
    return _with(tracks, "vehicle.car", AgentKind.VEHICLE, rows[:, 3:6], place, yaw, dt_s)


def _with_walking(
    tracks: Tracks, people: list[tuple[np.ndarray, np.ndarray]], dt_s: float
) -> Tracks:
    for place, yaw in people:
        high = np.concatenate((place, np.full((len(place), 1), 0.5 * _PERSON_M[2])), axis=1)
        tracks = _with(
            tracks,
            "human.pedestrian.adult",
            AgentKind.PEDESTRIAN,
            np.array([_PERSON_M]),
            high[None],
            yaw[None],
            dt_s,
        )
    return tracks


def _with(
    tracks: Tracks,
    category: str,
    kind: AgentKind,
    size_m: np.ndarray,
    position_m: np.ndarray,
    yaw_rad: np.ndarray,
    dt_s: float,
) -> Tracks:
    """A row for each of K more, in sight throughout."""
    new, first = len(size_m), len(tracks.track_id)
    valid = np.ones((new, tracks.valid.shape[1]), dtype=bool)
    speed = np.zeros((*valid.shape, 2), dtype=np.float32)
    if valid.shape[1] > 1:
        speed = np.gradient(position_m[..., :2], axis=1).astype(np.float32) / np.float32(dt_s)
    return Tracks(
        track_id=[*tracks.track_id, *(f"beside-{first + k}" for k in range(new))],
        category=[*tracks.category, *[category] * new],
        kind=np.concatenate((tracks.kind, np.full(new, int(kind)))),
        size_m=np.concatenate((tracks.size_m, size_m.astype(np.float32))),
        position_m=np.concatenate((tracks.position_m, position_m.astype(np.float32))),
        yaw_rad=np.concatenate((tracks.yaw_rad, yaw_rad.astype(np.float32))),
        velocity_mps=np.concatenate((tracks.velocity_mps, speed)),
        valid=np.concatenate((tracks.valid, valid)),
    )
