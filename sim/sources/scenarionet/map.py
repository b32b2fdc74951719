"""The map of a ScenarioNet scenario: lanes near the ego, connectivity, drivable area."""

from dataclasses import replace

import numpy as np

from sim.errors import InputError
from sim.geometry import polyline
from sim.scenario import AreaKind, Lane, LaneKind, LaneMap, MapArea

SPEED_LIMIT_MPS = 13.4  # 30 mph: the files carry 100 km/h, which no lane of these cities has
_LANE_WIDTH_M = 3.5
_JOIN_M, _JOIN_RAD = 1.0, 0.5
_CLOSE_GAPS_M = 1.5
_SHOULDER_M = 0.5
FARTHEST_M, _LONGEST_M = 1e9, 10_000.0
_AREAS = {"CROSSWALK": AreaKind.CROSSWALK, "ROAD_EDGE_SIDEWALK": AreaKind.WALKWAY}


def read_map(
    features: dict, ego_m: np.ndarray, offset_m: np.ndarray, near_m: float
) -> tuple[LaneMap, list[str]]:
    """Lanes and areas within `near_m` of the ego's recording, moved by `-offset_m`."""
    low, high = ego_m.min(0) - near_m, ego_m.max(0) + near_m
    lanes: list[Lane] = []
    links: list[tuple[list[str], list[str]]] = []
    areas: list[MapArea] = []
    dropped = flat = 0
    for name, feature in features.items():
        points = _points(name, feature, "polyline" if "polyline" in feature else "polygon")
        if points.ndim != 2 or not ((points[:, :2] > low) & (points[:, :2] < high)).all(1).any():
            continue
        kind = str(feature["type"])
        if kind.startswith("LANE"):
            line = polyline.drop_repeats(points[:, :2] - offset_m[:2], 0.02)
            if len(line) < 2 or polyline.arc_length_m(line)[-1] < 0.5:
                dropped += 1
                continue
            lanes.append(_lane(str(name), feature, line, offset_m[:2]))
            links.append(
                (list(feature.get("entry_lanes") or []), list(feature.get("exit_lanes") or []))
            )
        elif kind in _AREAS:
            polygon = open_ring(_points(name, feature, "polygon")[:, :2] - offset_m[:2])
            if len(polygon) < 3:
                flat += 1
                continue
            areas.append(MapArea(_AREAS[kind], polygon))
    if not lanes:
        raise InputError("map_features: no lane near the ego")
    notes = [f"dropped {dropped} lanes: shorter than 0.5 m"] if dropped else []
    if flat:
        notes.append(f"dropped {flat} crosswalks and sidewalks: fewer than three points")
    if any(entries or exits for entries, exits in links):
        lanes = _connect_by_name(lanes, links)
    else:
        lanes = _connect_by_geometry(lanes)
        notes.append("connectivity inferred from geometry")
    lanes = with_neighbors(lanes)
    return LaneMap(lanes=lanes, areas=areas + _drivable(lanes)), notes


def _lane(name: str, feature: dict, line: np.ndarray, offset_m: np.ndarray) -> Lane:
    line = polyline.resample(line, 1.0)
    half = _LANE_WIDTH_M / 2
    left, right = polyline.offset(line, half), polyline.offset(line, -half)
    polygon = np.concatenate((right, left[::-1]))
    connector = "UNSTRUCTURE" in str(feature["type"]) or "polygon" not in feature
    if "polygon" in feature and len(feature["polygon"]) >= 3:
        polygon = open_ring(_points(name, feature, "polygon")[:, :2] - offset_m)
    return Lane(
        lane_id=name,
        kind=LaneKind.CONNECTOR if connector else LaneKind.LANE,
        centerline_m=line.astype(np.float32),
        left_boundary_m=left.astype(np.float32),
        right_boundary_m=right.astype(np.float32),
        polygon_m=polygon.astype(np.float32),
        speed_limit_mps=SPEED_LIMIT_MPS,
    )


def _connect_by_name(lanes: list[Lane], links: list[tuple[list[str], list[str]]]) -> list[Lane]:
    place = {lane.lane_id: k for k, lane in enumerate(lanes)}
    return [
        replace(
            lane,
            predecessors=tuple(place[n] for n in entries if n in place),
            successors=tuple(place[n] for n in exits if n in place),
        )
        for lane, (entries, exits) in zip(lanes, links, strict=True)
    ]


def _connect_by_geometry(lanes: list[Lane]) -> list[Lane]:
    """A lane leads to those that start where it ends, in the same direction."""
    starts = np.stack([lane.centerline_m[0] for lane in lanes])
    ends = np.stack([lane.centerline_m[-1] for lane in lanes])
    first = np.array([polyline.headings_rad(lane.centerline_m)[0] for lane in lanes])
    last = np.array([polyline.headings_rad(lane.centerline_m)[-1] for lane in lanes])
    near = np.linalg.norm(ends[:, None] - starts[None], axis=-1) < _JOIN_M
    turn = np.abs((last[:, None] - first[None] + np.pi) % (2 * np.pi) - np.pi)
    joined = near & (turn < _JOIN_RAD)
    return [
        replace(
            lane,
            successors=tuple(np.flatnonzero(joined[k]).tolist()),
            predecessors=tuple(np.flatnonzero(joined[:, k]).tolist()),
        )
        for k, lane in enumerate(lanes)
    ]


def with_neighbors(lanes: list[Lane]) -> list[Lane]:
    """Beside each lane (not connectors: nobody changes lanes in a junction) those that run along."""
    import shapely

    plain = [k for k, lane in enumerate(lanes) if lane.kind == LaneKind.LANE]
    tree = shapely.STRtree([shapely.Polygon(lanes[k].polygon_m).buffer(0) for k in plain])
    left, right = dict.fromkeys(plain, -1), dict.fromkeys(plain, -1)
    for k in plain:
        line = lanes[k].centerline_m
        yaw = polyline.headings_rad(line)
        middle = len(line) // 2
        beside = line[middle] + _LANE_WIDTH_M * np.array(
            (-np.sin(yaw[middle]), np.cos(yaw[middle]))
        )
        for place in tree.query(shapely.Point(beside), predicate="intersects"):
            other = plain[int(place)]
            near = np.linalg.norm(lanes[other].centerline_m - beside, axis=1).argmin()
            turn = polyline.headings_rad(lanes[other].centerline_m)[near] - yaw[middle]
            if other != k and np.cos(turn) > np.cos(_JOIN_RAD) and right[other] < 0:
                left[k], right[other] = other, k
                break
    return [
        replace(lane, left_neighbor=left.get(k, -1), right_neighbor=right.get(k, -1))
        for k, lane in enumerate(lanes)
    ]


def _drivable(lanes: list[Lane]) -> list[MapArea]:
    """The union of the lanes with a narrow shoulder, gaps between neighbours closed."""
    import shapely

    shapes = [shapely.Polygon(lane.polygon_m.astype(np.float64)).buffer(0) for lane in lanes]
    union = shapely.union_all(shapes).buffer(_CLOSE_GAPS_M, quad_segs=4)
    union = union.buffer(_SHOULDER_M - _CLOSE_GAPS_M, quad_segs=4).simplify(0.05)
    areas = []
    for part in shapely.get_parts(union):
        rings = [np.asarray(r.coords)[:-1] for r in (part.exterior, *part.interiors)]
        areas.append(MapArea(AreaKind.DRIVABLE, rings[0], tuple(rings[1:])))
    return areas


def _points(name: str, feature: dict, field: str) -> np.ndarray:
    """The points of a feature (an empty array: it has none); InputError for what are no places."""
    points = np.asarray(feature.get(field, ()))
    if points.dtype.kind not in "iuf":
        raise InputError(f"map_features.{name}.{field}: {points.dtype}, no numbers")
    points = points.astype(np.float64)
    if points.ndim == 2:
        place = points[:, :2]
        bad = ~(np.isfinite(place) & (np.abs(place) <= FARTHEST_M)).all(axis=1)
        if bad.any():
            k = int(bad.argmax())
            raise InputError(f"map_features.{name}.{field}: point {k}: {place[k].tolist()}")
        long = np.abs(np.diff(place, axis=0)).max(initial=0.0)
        if long > _LONGEST_M:
            raise InputError(f"map_features.{name}.{field}: points {long:.3g} m apart")
    return points


def open_ring(polygon: np.ndarray) -> np.ndarray:
    """The ring without a last vertex that repeats the first."""
    return polygon[:-1] if np.allclose(polygon[0], polygon[-1]) else polygon
