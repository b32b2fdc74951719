"""Traffic lights and signs of a CommonRoad scenario (2020a), as stop lines of their lanelets."""

from xml.etree.ElementTree import Element

import numpy as np

from sim.errors import InputError
from sim.scenario import Lane, Lights, LightState, StopKind, StopLine
from sim.scenario_check.tracks import require_lights
from sim.sources.commonroad.document import points_of
from sim.sources.xml_files import number

_COLORS = {
    "red": LightState.RED, "yellow": LightState.YELLOW, "green": LightState.GREEN,
    "redYellow": LightState.RED, "inactive": LightState.UNKNOWN,
}  # fmt: skip
_SIGNS = {
    "206": StopKind.STOP_SIGN, "R1-1": StopKind.STOP_SIGN,
    "205": StopKind.YIELD, "R1-2": StopKind.YIELD,
}  # fmt: skip


_LONGEST_CYCLE = 100_000  # steps


def read_signals(root: Element, lanes: list[Lane], instants: int) -> tuple[list[StopLine], Lights]:
    """The stop lines of lanelets that refer to a light, or a stop or yield sign; the lights over time."""
    place = {lane.lane_id: k for k, lane in enumerate(lanes)}
    names = [str(light.get("id")) for light in root.findall("trafficLight")]
    require_lights(len(names), instants)
    states = [_phases(light, instants) for light in root.findall("trafficLight")]
    signs = _signs(root)
    stops, position = [], np.zeros((len(names), 2), dtype=np.float32)
    for element in root.findall("lanelet"):
        k = place.get(str(element.get("id")), -1)
        if k < 0:
            continue
        line = _stop_line(element, lanes[k])
        for one in element.findall("trafficLightRef"):
            if (ref := str(one.get("ref"))) in names:
                light = names.index(ref)
                position[light] = line.mean(axis=0)
                stops.append(StopLine(line, StopKind.SIGNAL, (k,), light))
        for one in element.findall("trafficSignRef"):
            if (ref := str(one.get("ref"))) in signs:
                stops.append(StopLine(line, signs[ref], (k,)))
    return stops, Lights(np.array(states, dtype=np.int64).reshape(-1, instants), position)


def _phases(light: Element, instants: int) -> np.ndarray:
    """The light at each step: the cycle's phases one after the other, from its offset on."""
    name = f"trafficLight {light.get('id')}"
    cycle = light.find("cycle")
    phases: list[int] = []
    for one in () if cycle is None else cycle.findall("cycleElement"):
        color = one.findtext("color")
        if color not in _COLORS:
            raise InputError(f"{name}.color: {color!r} (choices: {', '.join(_COLORS)})")
        longest = float(_LONGEST_CYCLE - len(phases))
        steps = int(number(one.findtext("duration"), f"{name}.duration", 0.0, longest))
        phases += [int(_COLORS[color])] * steps
    if not phases or light.findtext("active") == "false":
        return np.full(instants, int(LightState.UNKNOWN))
    offset = (
        int(number(cycle.findtext("timeOffset", "0"), f"{name}.timeOffset"))
        if cycle is not None
        else 0
    )
    return np.array(phases)[(np.arange(instants) - offset) % len(phases)]


def _signs(root: Element) -> dict[str, StopKind]:
    return {
        str(sign.get("id")): _SIGNS[text]
        for sign in root.findall("trafficSign")
        for part in sign.findall("trafficSignElement")
        if (text := str(part.findtext("trafficSignID"))) in _SIGNS
    }


def _stop_line(element: Element, lane: Lane) -> np.ndarray:
    """As it is drawn; without points, across the end of the lanelet."""
    drawn = points_of(element.find("stopLine"), f"lanelet {lane.lane_id}.stopLine")
    if len(drawn) == 2:
        return drawn.astype(np.float32)
    return np.stack((lane.left_boundary_m[-1], lane.right_boundary_m[-1])).astype(np.float32)
