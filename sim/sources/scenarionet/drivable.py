"""The drivable area of a ScenarioNet map, from what each converter writes about it.

- nuScenes and nuPlan: the outline of the drivable area as closed lines named `boundary_0`, ...: what
  they enclose, holes left out, with the lanes.
- WOMD: the road's edges as lines: the lanes, widened by `BESIDE_M` to each side (parking lanes,
  shoulders) as far as the edges let them.
- else: the lanes with a shoulder of half a metre, gaps between neighbours closed.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from sim.geometry import polyline
from sim.scenario import Lane, MapArea
from sim.sources.lanes import LANE_WIDTH_M, drivable_areas, strip
from sim.sources.scenarionet.points import points_of

if TYPE_CHECKING:
    import shapely

BESIDE_M = 4.0
_REACH_M = 10.0  # beyond the lanes outlines are cut off
_SHOULDER_M, _CLOSE_GAPS_M = 0.5, 1.5
_EDGE_M = 0.05
_BIKE_LANE_M = 2.0
_EDGES = ("ROAD_EDGE_BOUNDARY", "ROAD_EDGE_MEDIAN")


def read_drivable(
    features: dict[str, dict], lanes: list[Lane], offset_m: Float[np.ndarray, "2"]
) -> tuple[list[MapArea], str]:
    """The areas, moved by `-offset_m`, and a note that says what they were made of."""
    import shapely

    road: Any = shapely.union_all(
        [_polygon(lane.polygon_m) for lane in lanes] + _extra(features, offset_m)
    )
    low, high = np.array(road.bounds[:2]) - _REACH_M, np.array(road.bounds[2:]) + _REACH_M
    rings = _boundaries(features, offset_m)
    edges = _edges(features, offset_m)
    if rings:
        inside = _enclosed(rings).intersection(shapely.box(*low, *high))
        shape, note = (
            inside.union(road),
            "drivable: what the file's boundary encloses, and the lanes",
        )
    elif edges:
        shape = _widened(road, lanes, edges)
        note = f"drivable: the lanes and {BESIDE_M:g} m beside them, as far as the road's edges"
    else:
        shape = road.buffer(_CLOSE_GAPS_M, quad_segs=4).buffer(
            _SHOULDER_M - _CLOSE_GAPS_M, quad_segs=4
        )
        note = f"drivable: the lanes with a shoulder of {_SHOULDER_M} m"
    return drivable_areas(shape.simplify(0.05)), note


def _polygon(ring_m: np.ndarray) -> "shapely.Geometry":
    import shapely

    return shapely.make_valid(shapely.Polygon(ring_m.astype(np.float64)))


def _extra(features: dict[str, dict], offset_m: np.ndarray) -> "list[shapely.Geometry]":
    """Bicycle lanes and driveways."""
    found = []
    for name, feature in features.items():
        if feature["type"] == "LANE_BIKE_LANE":
            line = polyline.drop_repeats(points_of(feature, "polyline", name) - offset_m, 0.02)
            if len(line) >= 2:
                found.append(_polygon(strip(line, _BIKE_LANE_M)[2]))
        elif feature["type"] == "DRIVEWAY":
            ring = points_of(feature, "polygon", name) - offset_m
            if len(ring) >= 3:
                found.append(_polygon(ring))
    return found


def _boundaries(features: dict[str, dict], offset_m: np.ndarray) -> "list[shapely.Polygon]":
    """The closed lines that outline the drivable area, as polygons without holes."""
    import shapely

    found = []
    for name, feature in features.items():
        if name.startswith("boundary_"):
            line = points_of(feature, "polyline", name) - offset_m
            if len(line) >= 4 and np.allclose(line[0], line[-1]):
                found.append(shapely.Polygon(line))
    return found


def _enclosed(rings: "list[shapely.Polygon]") -> Any:
    """What is inside an odd number of rings: those inside one other are its holes."""
    import shapely

    tree = shapely.STRtree(rings)
    points = [ring.representative_point() for ring in rings]
    within, around = tree.query(points, predicate="within")
    depth = np.bincount(within[within != around], minlength=len(rings))
    shape: Any = shapely.Polygon()
    for level in range(int(depth.max()) + 1):
        layer = shapely.union_all(
            [rings[k].buffer(0) for k in np.flatnonzero(depth == level).tolist()]
        )
        shape = shape.union(layer) if level % 2 == 0 else shape.difference(layer)
    return shape


def _edges(features: dict[str, dict], offset_m: np.ndarray) -> "list[shapely.LineString]":
    import shapely

    found = []
    for name, feature in features.items():
        line = points_of(feature, "polyline", name) if feature["type"] in _EDGES else ()
        if len(line) >= 2:
            found.append(shapely.LineString(line - offset_m))
    return found


def _widened(road: Any, lanes: list[Lane], edges: "list[shapely.LineString]") -> Any:
    """The road and what lies beside it on its side of the edges.

    The lanes, widened, are cut along the edges; pieces that hold nothing of the road lie beyond. They
    are not drawn out at their ends: there the far side of an edge would be reached around it.
    """
    import shapely

    lines = [shapely.LineString(lane.centerline_m.astype(np.float64)) for lane in lanes]
    half = 0.5 * LANE_WIDTH_M + BESIDE_M
    wide: Any = shapely.union_all(shapely.buffer(lines, half, quad_segs=4, cap_style="flat"))
    pieces = shapely.get_parts(wide.difference(shapely.union_all(edges).buffer(_EDGE_M)))
    core = road.buffer(-1.0)  # a lane may reach a little over an edge
    shapely.prepare(core)
    kept = [piece for piece in pieces if core.intersects(piece)]
    whole: Any = shapely.union_all([*kept, road])
    return whole.buffer(2 * _EDGE_M).buffer(-2 * _EDGE_M)
