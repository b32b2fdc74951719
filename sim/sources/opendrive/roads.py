"""The roads of an OpenDRIVE file: reference lines, lane sections, widths, limits, what they say of links."""

from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np
from jaxtyping import Float

from sim.errors import InputError
from sim.scenario_check.lane_map import require_lengths
from sim.sources.lanes import MPS_PER_MPH
from sim.sources.opendrive.plan_view import Piece, read_plan_view
from sim.sources.xml_files import number

_LONGEST_M = 100_000.0
_LARGEST = 1e6  # of a polynomial's coefficient
_MOST_LANES = 200.0  # of a section: their numbers count from its middle
_UNITS = {"m/s": 1.0, "km/h": 1.0 / 3.6, "mph": MPS_PER_MPH}
_NO_LIMIT = ("no limit", "undefined")
_FASTEST_MPS = 100.0


@dataclass(frozen=True)
class Cubics:
    """A cubic in the distance from where it starts, then the next; 0 where there are none."""

    start_m: Float[np.ndarray, " p"]
    coefficient: Float[np.ndarray, "p 4"]  # ascending powers

    def at(self, s_m: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
        """Its values at some distances."""
        if not len(self.start_m):
            return np.zeros_like(s_m)
        owner = (np.searchsorted(self.start_m, s_m, side="right") - 1).clip(0)
        past = s_m - self.start_m[owner]
        return (self.coefficient[owner] * past[:, None] ** np.arange(4)).sum(axis=1)


@dataclass(frozen=True)
class SectionLane:
    """A lane of a section: negative numbers to the right of the reference line, positive to its left.

    `before`, `after`: numbers of those that it joins at the section's start and end.
    """

    kind: str
    width: Cubics  # from the section's start
    before: int | None
    after: int | None
    limit_mps: float | None


@dataclass(frozen=True)
class Section:
    """A stretch of a road with the same lanes."""

    start_m: float
    end_m: float
    lanes: dict[int, SectionLane]


@dataclass(frozen=True)
class RoadLink:
    """The road, or the junction, that a road joins at one of its ends."""

    target: str
    is_junction: bool
    at_end: bool  # of the target, where it is a road


@dataclass(frozen=True)
class Road:
    """One road; `junction`: the one that it lies in, None: none."""

    junction: str | None
    pieces: list[Piece]
    offset: Cubics  # of the lanes' middle, to the left of the reference line
    sections: list[Section]
    before: RoadLink | None
    after: RoadLink | None
    left_hand: bool


def read_roads(root: Element) -> dict[str, Road]:
    """The roads by their ids."""
    elements = root.findall("road")
    require_lengths(
        number(road.get("length"), f"road {road.get('id')}: length", 0.0, _LONGEST_M)
        * len(road.findall("lanes/laneSection/*/lane"))
        / max(1, len(road.findall("lanes/laneSection")))
        for road in elements
    )
    roads = {str(element.get("id")): _road(element) for element in elements}
    if len(roads) < len(elements):
        raise InputError("road: two of the same id")
    return roads


def _road(element: Element) -> Road:
    where = f"road {element.get('id')}"
    junction = element.get("junction", "-1")
    return Road(
        junction=None if junction == "-1" else junction,
        pieces=read_plan_view(element, where),
        offset=_cubics(element.findall("lanes/laneOffset"), "s", where),
        sections=_sections(element, where),
        before=_link(element.find("link/predecessor")),
        after=_link(element.find("link/successor")),
        left_hand=element.get("rule") == "LHT",
    )


def _link(element: Element | None) -> RoadLink | None:
    if element is None:
        return None
    is_junction = element.get("elementType") == "junction"
    return RoadLink(
        str(element.get("elementId")), is_junction, element.get("contactPoint") == "end"
    )


def _sections(road: Element, where: str) -> list[Section]:
    elements = road.findall("lanes/laneSection")
    if not elements:
        raise InputError(f"{where}: no laneSection")
    length_m = number(road.get("length"), f"{where}: length", 0.0, _LONGEST_M)
    starts = [number(one.get("s"), f"{where}: laneSection: s", 0.0, _LONGEST_M) for one in elements]
    ends = [*starts[1:], length_m]
    if any(start >= end for start, end in zip(starts, ends, strict=True)):
        raise InputError(
            f"{where}: laneSection: s does not ascend within the road's {length_m:g} m"
        )
    limits = [
        (
            number(one.get("s"), f"{where}: type: s", 0.0, _LONGEST_M),
            _limit(one.find("speed"), where),
        )
        for one in road.findall("type")
    ]
    return [
        Section(
            start, end, _lanes(element, where, [limit for s, limit in limits if s <= start][-1:])
        )
        for element, start, end in zip(elements, starts, ends, strict=True)
    ]


def _lanes(section: Element, where: str, road_limit: list[float | None]) -> dict[int, SectionLane]:
    lanes = {}
    for side, sign in (("left", 1), ("right", -1)):
        for element in section.findall(f"{side}/lane"):
            told = f"{where}, lane {element.get('id')}"
            k = _lane_number(element.get("id"), told)
            if k * sign <= 0:
                raise InputError(f"{told}: stands among those to the {side}")
            if element.find("border") is not None and element.find("width") is None:
                raise InputError(f"{told}: is given by borders; widths are read")
            own = _limit(element.find("speed"), told)
            lanes[k] = SectionLane(
                kind=element.get("type", "none"),
                width=_cubics(element.findall("width"), "sOffset", told),
                before=_linked(element.find("link/predecessor"), told),
                after=_linked(element.find("link/successor"), told),
                limit_mps=own if own is not None else next(iter(road_limit), None),
            )
    for k in lanes:
        if abs(k) > 1 and k - np.sign(k) not in lanes:
            raise InputError(f"{where}, lane {k}: no lane {k - np.sign(k)} beside it")
    return lanes


def _linked(element: Element | None, where: str) -> int | None:
    return None if element is None else _lane_number(element.get("id"), f"{where}: link")


def _lane_number(text: str | None, where: str) -> int:
    value = number(text, where, -_MOST_LANES, _MOST_LANES)
    if value != int(value):
        raise InputError(f"{where}: {text} is no number of a lane")
    return int(value)


def _limit(speed: Element | None, where: str) -> float | None:
    """In m/s; None: none is given."""
    if speed is None or speed.get("max") in _NO_LIMIT:
        return None
    unit = speed.get("unit", "m/s")
    if unit not in _UNITS:
        raise InputError(f"{where}: speed: unit {unit!r} (choices: {', '.join(_UNITS)})")
    value = number(speed.get("max"), f"{where}: speed: max", 0.0, _FASTEST_MPS / _UNITS[unit])
    return value * _UNITS[unit] or None


def _cubics(elements: list[Element], start: str, where: str) -> Cubics:
    """Of elements with coefficients a, b, c, d and a start."""
    told = f"{where}: {elements[0].tag}" if elements else where
    rows = np.array(
        [
            [
                number(one.get(start), f"{told}: {start}", -1.0, _LONGEST_M),
                *(number(one.get(name), f"{told}: {name}", -_LARGEST, _LARGEST) for name in "abcd"),
            ]
            for one in elements
        ]
    ).reshape(-1, 5)
    if (np.diff(rows[:, 0]) < 0.0).any():
        raise InputError(f"{told}: {start} does not ascend")
    return Cubics(rows[:, 0], rows[:, 1:])
