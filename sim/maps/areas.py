"""Areas of the map as the outline of a union of polygons; inside is to the left of every ring."""

import numpy as np

from sim.scenario import AreaKind, LaneMap

Polygon = tuple[np.ndarray, ...]  # exterior, holes...


def polygons_of(lane_map: LaneMap, kind: AreaKind) -> list[Polygon]:
    """The areas of one kind."""
    return [(area.exterior_m, *area.holes_m) for area in lane_map.areas if area.kind == kind]


def outline(polygons_m: list[Polygon]) -> list[np.ndarray]:
    """The rings `[V, 2]` of the polygons' union, open; none where there is no polygon."""
    import shapely

    if not polygons_m:
        return []
    rings = [ring for polygon in polygons_m for ring in polygon]
    polygon_of = np.repeat(np.arange(len(polygons_m)), [len(polygon) for polygon in polygons_m])
    ring_of = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    shapes = np.asarray(shapely.linearrings(np.concatenate(rings), indices=ring_of))
    polygons = np.asarray(shapely.polygons(shapes, indices=polygon_of))
    broken = ~shapely.is_valid(polygons)
    polygons[broken] = shapely.buffer(polygons[broken], 0.0)
    parts = shapely.get_parts(shapely.union_all(polygons))
    parts = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
    shapes, part = shapely.get_rings(parts, return_index=True)
    is_exterior = np.diff(part, prepend=-1) != 0
    shapes = np.where(shapely.is_ccw(shapes) == is_exterior, shapes, shapely.reverse(shapes))
    points, ring = shapely.get_coordinates(shapes, return_index=True)
    return [closed[:-1] for closed in np.split(points, np.flatnonzero(np.diff(ring)) + 1)]
