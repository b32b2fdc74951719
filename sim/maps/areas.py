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
    from shapely.geometry.polygon import orient

    shapes = [shapely.Polygon(exterior, holes) for exterior, *holes in polygons_m]
    union = shapely.union_all([p if p.is_valid else p.buffer(0) for p in shapes])
    parts = [orient(p) for p in shapely.get_parts(union) if p.geom_type == "Polygon"]
    return [np.asarray(ring.coords)[:-1] for p in parts for ring in (p.exterior, *p.interiors)]
