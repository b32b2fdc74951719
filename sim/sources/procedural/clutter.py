"""Static things beside the road: buildings, walls, hedges, trees, poles. None stands on it."""

import numpy as np

from sim.geometry import polyline
from sim.scenario import AreaKind, ObstacleKind, StaticObstacle
from sim.sources.procedural.layout import Layout

Rng = np.random.Generator

# kind: share, distance from the road's edge, length, depth, height
_KINDS = {
    ObstacleKind.BUILDING: (0.35, (6.0, 14.0), (8.0, 22.0), (6.0, 12.0), (4.0, 18.0)),
    ObstacleKind.WALL: (0.10, (4.5, 7.0), (5.0, 15.0), (0.3, 0.4), (1.2, 2.5)),
    ObstacleKind.HEDGE: (0.20, (4.5, 7.0), (3.0, 12.0), (0.6, 1.2), (0.8, 2.0)),
    ObstacleKind.TREE: (0.20, (1.5, 8.0), (0.0, 0.0), (0.0, 0.0), (4.0, 9.0)),
    ObstacleKind.POLE: (0.15, (0.7, 1.2), (0.0, 0.0), (0.0, 0.0), (3.0, 8.0)),
}
_SHARES = [share for share, *_ in _KINDS.values()]
_CLEARANCE_M = 0.3


def place_clutter(layout: Layout, rng: Rng, count: int = 36) -> list[StaticObstacle]:
    """Random obstacles beside random lanes, where neither road nor another obstacle is."""
    import shapely

    builder = layout.map
    road = shapely.union_all(
        [
            shapely.Polygon(a.exterior_m, a.holes_m)
            for a in builder.areas
            if a.kind == AreaKind.DRIVABLE
        ]
    )
    shapely.prepare(road)
    candidates = [_candidate(builder.lanes, rng) for _ in range(count)]
    corners = [len(c.footprint_m) for c in candidates]
    rings = shapely.linearrings(
        np.concatenate([c.footprint_m for c in candidates]),
        indices=np.repeat(np.arange(count), corners),
    )
    shapes = np.asarray(shapely.polygons(rings))
    touch = np.zeros((count, count), dtype=bool)
    touch[tuple(shapely.STRtree(shapes).query(shapes, predicate="intersects"))] = True
    kept: list[int] = []
    for k in np.flatnonzero(shapely.distance(shapes, road) > _CLEARANCE_M).tolist():
        if not touch[k, kept].any():
            kept.append(k)
    return [candidates[k] for k in kept]


def _candidate(lanes: list, rng: Rng) -> StaticObstacle:
    kinds = list(_KINDS)
    kind = kinds[int(rng.choice(len(kinds), p=_SHARES))]
    _, edge, length, depth, height = _KINDS[kind]
    line = lanes[int(rng.integers(len(lanes)))].right_boundary_m
    k = int(rng.integers(len(line)))
    around = line[max(k - 1, 0) : k + 2].astype(np.float64)
    yaw = polyline.headings_rad(around)[min(k, 1)]
    size = np.array((rng.uniform(*length), rng.uniform(*depth)))
    away = rng.uniform(*edge) + 0.5 * size[1]
    middle = around[min(k, 1)] + away * np.array((np.sin(yaw), -np.cos(yaw)))
    radius = 0.0
    if kind in (ObstacleKind.TREE, ObstacleKind.POLE):
        radius = float(
            rng.uniform(0.15, 0.4) if kind == ObstacleKind.TREE else rng.uniform(0.06, 0.15)
        )
        footprint = circle(middle, radius)
    else:
        footprint = rectangle(middle, yaw, size)
    return StaticObstacle(kind, footprint.astype(np.float32), float(rng.uniform(*height)), radius)


def rectangle(middle: np.ndarray, yaw: float, size: np.ndarray) -> np.ndarray:
    """Corners `[4, 2]` of a footprint of this length and width."""
    corners = 0.5 * size * np.array(((1, 1), (-1, 1), (-1, -1), (1, -1)))
    turn = np.array(((np.cos(yaw), -np.sin(yaw)), (np.sin(yaw), np.cos(yaw))))
    return middle + corners @ turn.T


def circle(middle: np.ndarray, radius: float) -> np.ndarray:
    """Twelve points `[12, 2]` of a trunk's or a pole's footprint."""
    angle = np.arange(12) * (2 * np.pi / 12)
    return middle + radius * np.stack((np.cos(angle), np.sin(angle)), axis=-1)
