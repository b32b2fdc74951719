"""From the roads of an OpenDRIVE file to lanes: their edges, directions, neighbours and successors."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

import numpy as np

from sim.errors import InputError
from sim.geometry import polyline
from sim.scenario import AreaKind, Lane, LaneKind, LaneMap, MapArea
from sim.sources.lanes import (
    SPEED_LIMIT_MPS,
    STRAIGHT_RANK,
    drivable_areas,
    linked,
    paved,
    turn_rank,
)
from sim.sources.opendrive.plan_view import line_at
from sim.sources.opendrive.roads import Road, RoadLink, Section, SectionLane

Array = np.ndarray
Key = tuple[str, int, int]  # road, number of the section, number of the lane
_FOR_CARS = (
    "driving", "entry", "exit", "onRamp", "offRamp", "connectingRamp", "slipLane", "mwyEntry", "mwyExit",
)  # fmt: skip
_DRIVABLE = ("shoulder", "stop", "parking", "biking", "bidirectional")  # too, but nobody's lane
_WALKWAYS = ("sidewalk", "walking")
_NARROWEST_M = 1.0  # at its widest: what is less is no lane for cars


@dataclass(frozen=True)
class _End:
    """One end of a lane; `at_end`: that of its section's end."""

    key: Key
    at_end: bool


def map_of(roads: dict[str, Road], root: Element) -> LaneMap:
    """The map; `root` tells the junctions' connections."""
    place: dict[Key, int] = {}
    lanes: list[Lane] = []
    beside: list[Lane] = []  # strips that are drivable, and nobody's lane
    walkways: list[MapArea] = []
    for road_id, road in roads.items():
        for k, section in enumerate(road.sections):
            for n, (low, high) in _edges(road, section).items():
                kind, width_m = section.lanes[n].kind, np.linalg.norm(high - low, axis=1).max()
                if width_m < 1e-3:
                    continue
                lane = _lane(f"{road_id}.{k}.{n}", road, n, section.lanes[n], low, high)
                if kind in _FOR_CARS and width_m >= _NARROWEST_M:
                    place[road_id, k, n] = len(lanes)
                    lanes.append(lane)
                elif kind in (*_FOR_CARS, *_DRIVABLE):
                    beside.append(lane)
                elif kind in _WALKWAYS:
                    walkways.append(MapArea(AreaKind.WALKWAY, lane.polygon_m))
    if not lanes:
        raise InputError("road: no lane for cars")
    lanes = linked(lanes, _links(roads, root, place))
    lanes = [_with_neighbors(lanes[k], key, roads, place) for key, k in place.items()]
    within = [lane for lane in lanes if lane.kind == LaneKind.CONNECTOR]
    inside = drivable_areas(paved(within)) if within else []
    crossings = [replace(area, kind=AreaKind.INTERSECTION) for area in inside]
    return LaneMap(
        lanes=lanes, areas=[*drivable_areas(paved([*lanes, *beside])), *crossings, *walkways]
    )


def _edges(road: Road, section: Section) -> dict[int, tuple[Array, Array]]:
    """Right and left edge `[K, 2]` of each lane, as seen along the reference line, a point a metre."""
    count = max(2, round(section.end_m - section.start_m) + 1)
    s = np.linspace(section.start_m, section.end_m, count)
    x, y, yaw = line_at(road.pieces, s).T
    middle, left = np.stack((x, y), axis=-1), np.stack((-np.sin(yaw), np.cos(yaw)), axis=-1)
    found = {}
    for sign in (1, -1):
        t = road.offset.at(s)
        for n in sorted((n for n in section.lanes if n * sign > 0), key=abs):
            outer = t + sign * section.lanes[n].width.at(s - section.start_m).clip(min=0.0)
            low, high = (t, outer) if sign > 0 else (outer, t)
            found[n] = (middle + low[:, None] * left, middle + high[:, None] * left)
            t = outer
    return found


def _is_forward(road: Road, lane: int) -> bool:
    """Whether its traffic runs along the reference line: on its right, where one drives on the right."""
    return (lane < 0) != road.left_hand


def _lane(name: str, road: Road, number: int, lane: SectionLane, low: Array, high: Array) -> Lane:
    left, right = (high, low) if _is_forward(road, number) else (low[::-1], high[::-1])
    center = polyline.resample(0.5 * (left + right), 1.0).astype(np.float32)
    within = road.junction is not None
    return Lane(
        lane_id=name,
        kind=LaneKind.CONNECTOR if within else LaneKind.LANE,
        centerline_m=center,
        left_boundary_m=left.astype(np.float32),
        right_boundary_m=right.astype(np.float32),
        polygon_m=np.concatenate((right, left[::-1])).astype(np.float32),
        speed_limit_mps=SPEED_LIMIT_MPS if lane.limit_mps is None else lane.limit_mps,
        priority=turn_rank(center) if within else STRAIGHT_RANK,
    )


def _with_neighbors(lane: Lane, key: Key, roads: dict[str, Road], place: dict[Key, int]) -> Lane:
    """With those of its own direction beside it; within junctions nobody changes lanes."""
    road_id, section, number = key
    road = roads[road_id]
    if road.junction is not None:
        return lane
    beside = [
        place.get((road_id, section, number + step), -1) if number * (number + step) > 0 else -1
        for step in (1, -1)
    ]
    left, right = beside if _is_forward(road, number) else beside[::-1]
    return replace(lane, left_neighbor=left, right_neighbor=right)


def _links(roads: dict[str, Road], root: Element, place: dict[Key, int]) -> set[tuple[int, int]]:
    """Which lane leads to which: of two ends that meet, traffic leaves one lane and enters the other."""

    def leaves(end: _End) -> bool:
        return _is_forward(roads[end.key[0]], end.key[2]) == end.at_end

    links = set()
    for one, other in (*_joints_of_roads(roads), *_joints_of_junctions(roads, root)):
        if one.key in place and other.key in place and leaves(one) != leaves(other):
            first, second = (one, other) if leaves(one) else (other, one)
            links.add((place[first.key], place[second.key]))
    return links


def _joints_of_roads(roads: dict[str, Road]) -> Iterator[tuple[_End, _End]]:
    """Ends that meet: between the sections of a road, and from road to road."""
    for road_id, road in roads.items():
        for k, section in enumerate(road.sections):
            for n, lane in section.lanes.items():
                for at_end, to in ((False, lane.before), (True, lane.after)):
                    if to is None:
                        continue
                    own = _End((road_id, k, n), at_end)
                    beyond = k + 1 if at_end else k - 1
                    if 0 <= beyond < len(road.sections):
                        yield own, _End((road_id, beyond, to), not at_end)
                        continue
                    link = road.after if at_end else road.before
                    if link is not None and not link.is_junction and link.target in roads:
                        yield own, _end_of_road(roads, link, to)


def _joints_of_junctions(roads: dict[str, Road], root: Element) -> Iterator[tuple[_End, _End]]:
    """Ends that meet where roads enter junctions."""
    for junction in root.findall("junction"):
        name = str(junction.get("id"))
        for connection in junction.findall("connection"):
            incoming = str(connection.get("incomingRoad"))
            way = str(connection.get("connectingRoad", connection.get("linkedRoad")))
            if incoming not in roads or way not in roads:
                continue
            entered = RoadLink(way, False, connection.get("contactPoint") == "end")
            for link in connection.findall("laneLink"):
                pair = [_lane_number(link, end, name) for end in ("from", "to")]
                for at_end in _ends_in(roads[incoming], name):
                    left = RoadLink(incoming, False, at_end)
                    yield _end_of_road(roads, left, pair[0]), _end_of_road(roads, entered, pair[1])


def _ends_in(road: Road, junction: str) -> list[bool]:
    """At which of its ends (True: its end) a road joins a junction."""
    return [
        at_end
        for at_end, link in ((False, road.before), (True, road.after))
        if link is not None and link.is_junction and link.target == junction
    ]


def _end_of_road(roads: dict[str, Road], link: RoadLink, lane: int) -> _End:
    section = len(roads[link.target].sections) - 1 if link.at_end else 0
    return _End((link.target, section, lane), link.at_end)


def _lane_number(link: Element, end: str, junction: str) -> int:
    try:
        return int(str(link.get(end)))
    except ValueError:
        raise InputError(f"junction {junction}: laneLink: {end}: {link.get(end)!r}") from None
