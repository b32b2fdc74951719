"""Traffic lights that repeat their phases."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.scenario import Lights, LightState, StopLine

Array = np.ndarray
LONGEST_PHASE_S = 3600.0


@dataclass(frozen=True)
class Light:
    """Green, yellow, red, and green again; at t = 0 it is `offset_s` into its green."""

    green_s: float
    yellow_s: float
    red_s: float
    offset_s: float

    def states(self, time_s: Array) -> Array:
        """`LightState` at each time."""
        since_s = (time_s + self.offset_s) % (self.green_s + self.yellow_s + self.red_s)
        closing = np.where(
            since_s < self.green_s + self.yellow_s, LightState.YELLOW, LightState.RED
        )
        return np.where(since_s < self.green_s, LightState.GREEN, closing)


def lights_of(lights: Sequence[Light], stop_lines: Sequence[StopLine], time_s: Array) -> Lights:
    """Their states over time; each hangs over the first of its stop lines."""
    states = [light.states(time_s) for light in lights]
    places = [
        next(stop.line_m.mean(axis=0) for stop in stop_lines if stop.light == k)
        for k in range(len(lights))
    ]
    return Lights(
        np.array(states, dtype=np.int64).reshape(-1, len(time_s)),
        np.array(places, dtype=np.float32).reshape(-1, 2),
    )
