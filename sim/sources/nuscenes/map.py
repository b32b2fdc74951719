"""The map of a nuScenes scene: lanes, areas and stop lines near the ego's drive."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from sim.errors import InputError
from sim.geometry import polyline
from sim.scenario import AreaKind, Lane, LaneKind, LaneMap, MapArea, StopKind, StopLine
from sim.sources.lanes import SPEED_LIMIT_MPS, open_ring, with_neighbors
from sim.sources.nuscenes.boundaries import lane_boundaries
from sim.sources.nuscenes.city import City

if TYPE_CHECKING:
    import shapely

NEAR_M = 150.0  # lanes within this of the box around the ego's drive are read
_SHOULDER_M = 10.0  # areas are kept up to this far beyond the outermost lane
_DISCRETIZE_M, _SPACING_M = 0.5, 1.0
_SHORTEST_LANE_M, _LONGEST_LANE_M = 0.5, 5_000.0
_STOPS_BEHIND_START_M = 5.0  # a stop area that ends before this on a lane is not the lane's own
_LINKS = {"successors": "outgoing", "predecessors": "incoming"}
_AREAS = {
    "drivable_area": AreaKind.DRIVABLE,
    "road_segment": AreaKind.ROAD_SEGMENT,  # or an intersection
    "road_block": AreaKind.ROAD_BLOCK,
    "ped_crossing": AreaKind.CROSSWALK,
    "walkway": AreaKind.WALKWAY,
    "carpark_area": AreaKind.CARPARK,
}
_STOPS = {"TRAFFIC_LIGHT": StopKind.SIGNAL, "STOP_SIGN": StopKind.STOP_SIGN}  # the rest: YIELD


def read_map(
    city: City, ego_m: Float[np.ndarray, "t 2"], offset_m: Float[np.ndarray, "2"]
) -> tuple[LaneMap, Float[np.ndarray, "l 2"], list[str]]:
    """The map near the ego's drive, places (x, y) of L traffic lights, and notes on what was left out.

    All is moved by `-offset_m` from the city's frame (that of `ego_m`) to the scenario's. Lanes within
    `NEAR_M` of the box around the drive come whole; areas are cut where neither that box nor a lane
    reaches. There is a light for each stop area of the map that has one. Raises InputError where there
    is no lane, or no drivable area.
    """
    import shapely

    ego_low, ego_high = ego_m.min(0) - NEAR_M, ego_m.max(0) + NEAR_M
    region = shapely.box(*ego_low, *ego_high)
    lanes, notes = _lanes(city, region, offset_m)
    low = np.min([lane.polygon_m.min(0) for lane in lanes], axis=0) + offset_m
    high = np.max([lane.polygon_m.max(0) for lane in lanes], axis=0) + offset_m
    low, high = np.minimum(low - _SHOULDER_M, ego_low), np.maximum(high + _SHOULDER_M, ego_high)
    reach = shapely.box(*low, *high)
    areas = [area for layer in _AREAS for area in _layer_areas(city, layer, reach, offset_m)]
    if not any(area.kind == AreaKind.DRIVABLE for area in areas):
        raise InputError(f"{city.nusc_map.json_fname}: drivable_area: none near the ego")
    if city.lost:
        notes.append(f"left out {len(city.lost)} polygons of the map: corners far off the city")
    stops, lights_m = _stop_lines(city.near("stop_line", region), lanes, offset_m)
    return LaneMap(lanes=lanes, areas=areas, stop_lines=stops), lights_m, notes


def _lanes(
    city: City, region: "shapely.Polygon", offset_m: np.ndarray
) -> tuple[list[Lane], list[str]]:
    records = [(LaneKind.LANE, *pair) for pair in city.near("lane", region)]
    records += [(LaneKind.CONNECTOR, *pair) for pair in _connectors(city, region)]
    lanes, dropped = [], 0
    for kind, record, polygon in records:
        line = _centerline(city, record["token"])
        if line is None or polyline.arc_length_m(line)[-1] < _SHORTEST_LANE_M:
            dropped += 1
            continue
        line = polyline.resample(line - offset_m, _SPACING_M)
        ring = open_ring(np.asarray(polygon.exterior.coords)) - offset_m
        left, right = lane_boundaries(record, line, ring, offset_m)
        lanes.append(
            Lane(
                lane_id=record["token"],
                kind=kind,
                centerline_m=line.astype(np.float32),
                left_boundary_m=left.astype(np.float32),
                right_boundary_m=right.astype(np.float32),
                polygon_m=ring.astype(np.float32),
                speed_limit_mps=SPEED_LIMIT_MPS,
            )
        )
    if not lanes:
        raise InputError(f"{city.nusc_map.json_fname}: no lane near the ego")
    notes = (
        [f"dropped {dropped} lanes: no centreline, or not 0.5 m to 5 km long"] if dropped else []
    )
    return with_neighbors(_connected(city, lanes)), notes


def _connectors(
    city: City, region: "shapely.Polygon"
) -> "list[tuple[dict[str, Any], shapely.Polygon]]":
    """Lane connectors near `region` with their polygons; without one in the map, a strip 3.5 m wide."""
    import shapely

    found = city.near("lane_connector", region)
    drawn = {record["token"] for record, _ in city.layers["lane_connector"][0]}
    for record in city.nusc_map.lane_connector:
        line = None if record["token"] in drawn else _centerline(city, record["token"])
        if line is not None and region.intersects(shapely.LineString(line)):
            strip = shapely.LineString(line).buffer(1.75, cap_style="flat")
            if strip.geom_type == "Polygon":
                found.append((record, strip))
    return found


def _centerline(city: City, token: str) -> Float[np.ndarray, "k 2"] | None:
    from nuscenes.map_expansion.arcline_path_utils import discretize_lane

    path = city.nusc_map.arcline_path_3.get(token)
    if not path or not 0 < sum(sum(arc["segment_length"]) for arc in path) < _LONGEST_LANE_M:
        return None
    line = np.array(discretize_lane(path, _DISCRETIZE_M), dtype=np.float64)[:, :2]
    line = polyline.drop_repeats(line, 0.02)
    in_city = city.holds((*line.min(0).tolist(), *line.max(0).tolist()))
    return line if len(line) > 1 and in_city else None


def _connected(city: City, lanes: list[Lane]) -> list[Lane]:
    place = {lane.lane_id: k for k, lane in enumerate(lanes)}

    def linked(lane: Lane, name: str) -> tuple[int, ...]:
        tokens = city.nusc_map.connectivity.get(lane.lane_id, {}).get(name, [])
        return tuple(place[token] for token in tokens if token in place)

    return [
        replace(lane, **{field: linked(lane, name) for field, name in _LINKS.items()})
        for lane in lanes
    ]


def _layer_areas(
    city: City, layer: str, reach: "shapely.Polygon", offset_m: np.ndarray
) -> list[MapArea]:
    """The areas of a layer within `reach` (city frame); those that lie partly outside are cut."""
    import shapely

    areas = []
    for record, polygon in city.near(layer, reach):
        kind = _AREAS[layer]
        if layer == "road_segment" and record["is_intersection"]:
            kind = AreaKind.INTERSECTION
        whole = polygon.is_valid and reach.covers(polygon)
        shape = polygon if whole else shapely.make_valid(polygon).intersection(reach)
        for part in shapely.get_parts(shape):
            if part.geom_type == "Polygon":
                rings = [
                    open_ring(np.asarray(ring.coords)) - offset_m
                    for ring in (part.exterior, *part.interiors)
                ]
                areas.append(MapArea(kind, rings[0], tuple(rings[1:])))
    return areas


def _stop_lines(
    stops: "list[tuple[dict[str, Any], shapely.Polygon]]", lanes: list[Lane], offset_m: np.ndarray
) -> tuple[list[StopLine], Float[np.ndarray, "l 2"]]:
    """For each lane that runs through a stop area, a line across it where it leaves the area.

    And the places (x, y) of the traffic lights that those lines refer to.
    """
    import shapely

    plain = [k for k, lane in enumerate(lanes) if lane.kind == LaneKind.LANE]
    tree = shapely.STRtree([shapely.LineString(lanes[k].centerline_m) for k in plain])
    lines, lights_m = [], []
    for record, polygon in stops:
        kind = _STOPS.get(record["stop_line_type"], StopKind.YIELD)
        here = shapely.transform(polygon, lambda xy: xy - offset_m)
        crossed = [plain[k] for k in sorted(tree.query(here, predicate="intersects").tolist())]
        across = [(k, line) for k in crossed if (line := _across(lanes[k], here)) is not None]
        light = len(lights_m) if kind == StopKind.SIGNAL and across else -1
        if light >= 0:
            lights_m.append(here.centroid.coords[0])
        lines += [StopLine(line.astype(np.float32), kind, (k,), light) for k, line in across]
    return lines, np.array(lights_m, dtype=np.float32).reshape(-1, 2)


def _across(lane: Lane, polygon: "shapely.Polygon") -> np.ndarray | None:
    """The line `[2, 2]` (left end, right end) across a lane where it leaves a stop area.

    None where the area only touches the start of the lane: then it stops the lanes before it.
    """
    import shapely

    center = lane.centerline_m.astype(np.float64)
    shared = shapely.LineString(center).intersection(polygon)
    ends = shapely.get_coordinates(shared)
    if not len(ends):
        return None
    s = float(polyline.project(center, ends)[0].max())
    length = float(polyline.arc_length_m(center)[-1])
    if s < min(_STOPS_BEHIND_START_M, 0.5 * length):
        return None
    sides = (lane.left_boundary_m, lane.right_boundary_m)
    middle = polyline.at(center, np.array([s]))
    ahead = polyline.at(center, np.array([max(s - 0.5, 0.0), min(s + 0.5, length)]))
    direction = (ahead[1] - ahead[0]) / np.linalg.norm(ahead[1] - ahead[0])
    normal = np.array((-direction[1], direction[0]))
    reach = [np.abs(polyline.project(side.astype(float), middle)[1])[0] for side in sides]
    return np.stack((middle[0] + reach[0] * normal, middle[0] - reach[1] * normal))
