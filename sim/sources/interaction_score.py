"""How much a scenario demands of the ego, by what is in its recording: never by who fails in it.

After the score of BehaviorBench's Interactive1k (arXiv 2605.10034): crossings, changes of speed and
steering near others, time to collision, agents near. Weights and measures are this project's own: what
it takes from actions is read off the recorded ego's motion here.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sim.geometry import polyline
from sim.scenario import EGO, Scenario

WEIGHTS = {"crossings": 0.25, "near_speed": 0.3, "urgency": 0.2, "crowd": 0.15, "sideways": 0.1}
_CROSSINGS = 3  # these and more count alike; likewise below
_SPEED_MPS, _NEAR_M = 10.0, 20.0
_SIDEWAYS_M = 3.0
_URGENT_S, _URGENT_FOR_S = 3.0, 3.0
_CROWD, _CROWD_M = 15, 40.0
_WAY_M = 1.5  # half the width of the ego's way
_PASSAGE_S = 4.0
_EVERY = 2  # instants


@dataclass(frozen=True)
class Interaction:
    """Each 0 to 1.

    `crossings`: how many come into the ego's way from beside it within 4 s of its passage there (of 3).
    `near_speed`: changes of speed, each weighted by how near somebody is (1 at 0 m, 0 from 20 m on), of
    10 m/s. `sideways`: how far the ego leaves its reference line (of 3 m). `urgency`: how long it is
    within 3 s of a collision at constant velocities (of 3 s). `crowd`: who is within 40 m (of 15).
    """

    crossings: float
    near_speed: float
    sideways: float
    urgency: float
    crowd: float

    @property
    def total(self) -> float:
        """Their weighted sum."""
        return sum(weight * getattr(self, name) for name, weight in WEIGHTS.items())


def interaction(scenario: Scenario) -> Interaction:
    """Of a recording."""
    tracks = scenario.tracks
    there = tracks.valid[:, ::_EVERY]
    place = tracks.position_m[:, ::_EVERY, :2].astype(np.float64)
    velocity = tracks.velocity_mps[:, ::_EVERY].astype(np.float64)
    dt_s = _EVERY * scenario.dt_s
    until = int(there[EGO].sum())  # the ego is there from the start on
    place, velocity, there = place[:, :until], velocity[:, :until], there[:, :until]
    delta = place[1:] - place[EGO]
    gap = np.where(there[1:], np.linalg.norm(delta, axis=-1), np.inf)
    if not gap.size:
        return Interaction(0.0, 0.0, _sideways(scenario, place[EGO]), 0.0, 0.0)
    speed = np.linalg.norm(velocity[EGO], axis=-1)
    nearness = np.clip(1.0 - gap.min(axis=0) / _NEAR_M, 0.0, None)
    change = float((nearness[1:] * np.abs(np.diff(speed))).sum())
    urgent = _time_to_collision_s(delta, velocity[1:] - velocity[EGO], gap) < _URGENT_S
    return Interaction(
        crossings=min(_crossings(place, there, dt_s) / _CROSSINGS, 1.0),
        near_speed=min(change / _SPEED_MPS, 1.0),
        sideways=_sideways(scenario, place[EGO]),
        urgency=min(float(urgent.any(axis=0).sum()) * dt_s / _URGENT_FOR_S, 1.0),
        crowd=min(float((gap < _CROWD_M).sum(axis=0).mean()) / _CROWD, 1.0),
    )


def _crossings(place: np.ndarray, there: np.ndarray, dt_s: float) -> int:
    """Agents that get from beside the ego's way into it, shortly before or after the ego is there."""
    way = polyline.drop_repeats(place[EGO], 0.2)
    if len(way) < 2:
        return 0
    own_s = polyline.project(way, place[EGO])[0]
    count = 0
    for n in range(1, len(place)):
        if there[n].sum() < 2:
            continue
        s, offset = polyline.project(way, place[n, there[n]])
        inside = np.abs(offset) < _WAY_M
        enters = np.flatnonzero(~inside[:-1] & inside[1:]) + 1
        time = np.flatnonzero(there[n])[enters]
        passes = np.searchsorted(own_s, s[enters]).clip(max=len(own_s) - 1)
        within = (s[enters] > 1.0) & (s[enters] < own_s[-1] - 1.0)
        count += bool((within & (np.abs(passes - time) * dt_s < _PASSAGE_S)).any())
    return count


def _sideways(scenario: Scenario, ego: np.ndarray) -> float:
    route = scenario.routes[EGO]
    assert route is not None
    _, offset = polyline.project(route.path_m.astype(np.float64), ego)
    return min(float(np.abs(offset).max()) / _SIDEWAYS_M, 1.0)


def _time_to_collision_s(
    delta: Float[np.ndarray, "n t 2"],
    velocity: Float[np.ndarray, "n t 2"],
    gap: Float[np.ndarray, "n t"],
) -> Float[np.ndarray, "n t"]:
    """Until the centres are 3 m apart, where they come that near at all; inf elsewhere."""
    closing = -(delta * velocity).sum(axis=-1)
    fast = np.maximum((velocity**2).sum(axis=-1), 1e-6)
    nearest_s = closing / fast
    miss = np.linalg.norm(delta + nearest_s[..., None] * velocity, axis=-1)
    return np.where((closing > 0) & (miss < 3.0) & np.isfinite(gap), nearest_s, np.inf)
