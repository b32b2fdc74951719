"""Traffic lights and stop signs of a ScenarioNet scenario, as stop lines of their lanes."""

import numpy as np
from jaxtyping import Float

from sim.errors import InputError
from sim.geometry import polyline
from sim.scenario import Lane, LaneKind, Lights, LightState, StopKind, StopLine
from sim.sources.clock import Clock
from sim.sources.lanes import LANE_WIDTH_M

_FAR_M = 10.0  # a stop point this far from its lane is not believed
_BEFORE_M = 5.0  # a junction's stop line lies at most this far before it
_WORDS = (
    ("FLASHING", LightState.UNKNOWN),  # blinking red or yellow: not a phase
    ("UNKNOWN", LightState.UNKNOWN),
    ("GREEN", LightState.GREEN), ("GO", LightState.GREEN),
    ("YELLOW", LightState.YELLOW), ("CAUTION", LightState.YELLOW),
    ("RED", LightState.RED), ("STOP", LightState.RED),
)  # fmt: skip


def read_signals(
    data: dict, lanes: list[Lane], offset_m: Float[np.ndarray, "2"], clock: Clock, instants: int
) -> tuple[list[StopLine], Lights, list[str]]:
    """Stop lines, the lights over the first `instants` of the clock, and notes.

    A light closes its lane at its stop point; where that lane leads through a junction, at its start.
    """
    place = {lane.lane_id: k for k, lane in enumerate(lanes)}
    stops: list[StopLine] = []
    states, positions, blinking = [], [], 0
    recorded = len(clock.recorded_s)
    for name, light in (data.get("dynamic_map_states") or {}).items():
        k = place.get(str(light.get("lane", name)), -1)
        if k < 0:
            continue  # of a lane that is not near
        raw = list(light["state"]["object_state"])
        if len(raw) < recorded:
            raise InputError(
                f"dynamic_map_states.{name}.object_state: {len(raw)} of {recorded} instants"
            )
        blinking += any("FLASHING" in str(one) for one in raw)
        state = np.array([_state(one) for one in raw[:recorded]], dtype=np.int64)
        point = light.get("stop_point")
        at = None if point is None else np.asarray(point, dtype=np.float64)[:2] - offset_m
        line = _line_at(lanes[k], at)
        stops.append(StopLine(line.astype(np.float32), StopKind.SIGNAL, (k,), len(states)))
        states.append(clock.held(state)[:instants])
        positions.append(line.mean(axis=0))
    signs = _stop_signs(data["map_features"], lanes, place, offset_m)
    notes = [f"{blinking} lights blink at times: unknown there"] if blinking else []
    lights = Lights(
        np.array(states, dtype=np.int64).reshape(-1, instants),
        np.array(positions, dtype=np.float32).reshape(-1, 2),
    )
    return stops + signs, lights, notes


def _state(raw: object) -> int:
    """WOMD's `LANE_STATE_ARROW_STOP`, nuPlan's `TRAFFIC_LIGHT_RED`; None where nothing was seen."""
    text = str(raw)
    return int(next((state for word, state in _WORDS if word in text), LightState.UNKNOWN))


def _stop_signs(
    features: dict, lanes: list[Lane], place: dict[str, int], offset_m: np.ndarray
) -> list[StopLine]:
    """Across each lane that a sign names, beside the sign."""
    stops = []
    for feature in features.values():
        if feature["type"] != "STOP_SIGN":
            continue
        sign = np.asarray(feature["position"], dtype=np.float64)[:2] - offset_m
        for name in np.asarray(feature["lane"], dtype=object).ravel():
            k = place.get(str(name), -1)
            if k >= 0:
                line = _line_at(lanes[k], sign)
                stops.append(StopLine(line.astype(np.float32), StopKind.STOP_SIGN, (k,)))
    return stops


def _line_at(lane: Lane, point_m: Float[np.ndarray, "2"] | None) -> Float[np.ndarray, "2 2"]:
    """Across the lane where the point lies along it; without one that is near, at its start."""
    line = lane.centerline_m.astype(np.float64)
    yaw = polyline.headings_rad(line)
    s, middle, heading = 0.0, line[0], float(yaw[0])
    if point_m is not None:
        near = float(np.linalg.norm(line - point_m, axis=1).min()) < _FAR_M
        if lane.kind == LaneKind.CONNECTOR:
            ahead = np.array((np.cos(heading), np.sin(heading)))
            s = float(np.clip((point_m - line[0]) @ ahead, -_BEFORE_M, 0.0)) if near else 0.0
            middle = line[0] + s * ahead
        elif near:
            s = float(polyline.project(line, point_m[None])[0][0])
            middle = polyline.at(line, np.array([s]))[0]
            heading = float(yaw[np.linalg.norm(line - middle, axis=1).argmin()])
    across = 0.5 * LANE_WIDTH_M * np.array((-np.sin(heading), np.cos(heading)))
    return np.stack((middle + across, middle - across))
