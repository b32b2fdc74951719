"""The lanelets of a CommonRoad scenario as lanes."""

from dataclasses import replace
from xml.etree.ElementTree import Element

import numpy as np

from sim.errors import InputError
from sim.geometry import polyline
from sim.scenario import AreaKind, Lane, LaneKind, LaneMap, MapArea
from sim.scenario_check.lane_map import require_lengths
from sim.sources.commonroad.document import points_of
from sim.sources.lanes import (
    SPEED_LIMIT_MPS,
    crossing_lanes,
    drivable_areas,
    linked,
    paved,
)
from sim.sources.xml_files import number

HIGHWAY_LIMIT_MPS = 29.06  # 65 mph: where a scenario tagged `highway` has no limits
_NOT_FOR_CARS = ("sidewalk", "bicycleLane", "crosswalk", "busLane", "border")
_LIMIT_SIGNS = ("274", "R2-1")  # German, American; its value in m/s


def read_map(root: Element) -> tuple[LaneMap, list[str]]:
    """Lanes, linked, and the drivable area; stop lines are the signals' part."""
    limits = _signed_limits(root)
    usual, usual_note = _usual_limit(root)
    require_lengths(
        polyline.length_m(points_of(bound, "lanelet"))
        for side in ("left", "right")
        for bound in root.findall(f"lanelet/{side}Bound")
    )
    lanes, elements, areas, left_out, unlimited = [], [], [], 0, 0
    for element in root.findall("lanelet"):
        kinds = {one.text for one in element.findall("laneletType")}
        lane = _lane(element)
        if "crosswalk" in kinds:
            areas.append(MapArea(AreaKind.CROSSWALK, lane.polygon_m.astype(np.float64)))
        if kinds & set(_NOT_FOR_CARS):
            left_out += 1
            continue
        limit = _limit(element, limits)
        unlimited += limit is None
        lanes.append(replace(lane, speed_limit_mps=usual if limit is None else limit))
        elements.append(element)
    if not lanes:
        raise InputError("lanelet: none for cars")
    lanes = _joined(lanes, elements)
    connectors = _junction_lanelets(root, lanes) or crossing_lanes(lanes)
    lanes = [
        replace(lane, kind=LaneKind.CONNECTOR if k in connectors else LaneKind.LANE)
        for k, lane in enumerate(lanes)
    ]
    notes = [f"{unlimited} lanelets without a speed limit: {usual_note}"] if unlimited else []
    if left_out:
        notes.append(f"left out {left_out} lanelets that are not for cars")
    return LaneMap(lanes=lanes, areas=areas + drivable_areas(paved(lanes))), notes


def _lane(element: Element) -> Lane:
    """The centreline is the mean of both bounds, taken at equal shares of their lengths."""
    name = str(element.get("id"))
    left, right = (
        polyline.drop_repeats(points_of(element.find(f"{s}Bound"), f"lanelet {name}.{s}Bound"))
        for s in ("left", "right")
    )
    if min(len(left), len(right)) < 2:
        raise InputError(f"lanelet {name}: a bound has fewer than two points")
    longest = max(polyline.arc_length_m(line)[-1] for line in (left, right))
    shares = np.linspace(0.0, 1.0, max(2, round(longest) + 1))
    sides = [polyline.at(line, shares * polyline.arc_length_m(line)[-1]) for line in (left, right)]
    center = polyline.resample((sides[0] + sides[1]) / 2, 1.0)
    return Lane(
        lane_id=name,
        kind=LaneKind.LANE,
        centerline_m=center.astype(np.float32),
        left_boundary_m=left.astype(np.float32),
        right_boundary_m=right.astype(np.float32),
        polygon_m=np.concatenate((right, left[::-1])).astype(np.float32),
        speed_limit_mps=SPEED_LIMIT_MPS,
    )


def _limit(element: Element, signed: dict[str, float]) -> float | None:
    """2018b: in the lanelet; 2020a: on a sign that it refers to."""
    if (text := element.findtext("speedLimit")) is not None:
        return number(text, f"lanelet {element.get('id')}.speedLimit", low=0.1, high=100.0)
    refs = [str(one.get("ref")) for one in element.findall("trafficSignRef")]
    return next((signed[ref] for ref in refs if ref in signed), None)


def _signed_limits(root: Element) -> dict[str, float]:
    found = {}
    for sign in root.findall("trafficSign"):
        for part in sign.findall("trafficSignElement"):
            if part.findtext("trafficSignID") in _LIMIT_SIGNS:
                where = f"trafficSign {sign.get('id')}.additionalValue"
                found[str(sign.get("id"))] = number(
                    part.findtext("additionalValue"), where, 0.1, 100.0
                )
    return found


def _usual_limit(root: Element) -> tuple[float, str]:
    tags = str(root.get("tags", "")).split() + [one.tag for one in root.findall("scenarioTags/*")]
    limit = HIGHWAY_LIMIT_MPS if {"highway", "interstate"} & set(tags) else SPEED_LIMIT_MPS
    return limit, f"{limit} m/s"


def _joined(lanes: list[Lane], elements: list[Element]) -> list[Lane]:
    """Successors, predecessors, and the neighbours that drive the same way."""
    place = {lane.lane_id: k for k, lane in enumerate(lanes)}
    links = []
    for k, element in enumerate(elements):
        after = [place.get(str(one.get("ref")), -1) for one in element.findall("successor")]
        before = [place.get(str(one.get("ref")), -1) for one in element.findall("predecessor")]
        links += [(k, other) for other in after if other >= 0]
        links += [(other, k) for other in before if other >= 0]

    def beside(element: Element, side: str) -> int:
        one = element.find(f"adjacent{side}")
        same = one is not None and one.get("drivingDir") == "same"
        return place.get(str(one.get("ref")), -1) if one is not None and same else -1

    return [
        replace(lane, left_neighbor=beside(one, "Left"), right_neighbor=beside(one, "Right"))
        for lane, one in zip(linked(lanes, links), elements, strict=True)
    ]


def _junction_lanelets(root: Element, lanes: list[Lane]) -> set[int]:
    """2020a: those that an intersection's ways in lead to; 2018b has none."""
    place = {lane.lane_id: k for k, lane in enumerate(lanes)}
    refs = [
        str(one.get("ref"))
        for way in ("Right", "Straight", "Left")
        for one in root.findall(f"intersection/incoming/successors{way}")
    ]
    return {place[ref] for ref in refs if ref in place}
