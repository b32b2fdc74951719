"""Traffic lights of a junction: two phases that take turns."""

import numpy as np

from sim.scenario import Lights, LightState
from sim.sources.procedural.layout import Layout

YELLOW_S = 3.0
ALL_RED_S = 2.0


def make_lights(layout: Layout, rng: np.random.Generator, instants: int, dt_s: float) -> Lights:
    """States `[L, T]` of the layout's lights, starting where it says, or anywhere in the cycle."""
    if not layout.light_groups:
        return Lights(np.zeros((0, instants), dtype=np.int64), np.zeros((0, 2), dtype=np.float32))
    green_s = rng.uniform(10.0, 18.0, 2)
    phase_s = green_s + YELLOW_S + ALL_RED_S
    begin_s = layout.lights_from_s
    if begin_s is None:
        begin_s = rng.uniform(0, phase_s.sum())
    time = (np.arange(instants) * dt_s + begin_s) % phase_s.sum()
    states = []
    for group in layout.light_groups:
        since = (time - (phase_s[0] if group == 1 else 0.0)) % phase_s.sum()
        green, yellow = since < green_s[group], since < green_s[group] + YELLOW_S
        states.append(
            np.where(green, LightState.GREEN, np.where(yellow, LightState.YELLOW, LightState.RED))
        )
    position = [
        next(s.line_m.mean(axis=0) for s in layout.map.stop_lines if s.light == k)
        for k in range(len(states))
    ]
    return Lights(np.array(states, dtype=np.int64), np.array(position, dtype=np.float32))
