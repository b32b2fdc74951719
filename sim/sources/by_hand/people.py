"""Who is there: drivers with a route, and those who follow a track; how tracks are made."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sim.errors import InputError
from sim.geometry import polyline
from sim.scenario import Styles
from sim.sources.by_hand.shapes import points_of
from sim.sources.procedural.crowd import FLEET, OBJECT_SIZE_M
from sim.sources.procedural.spawn import moving_track

Array = np.ndarray
Size = tuple[float, float, float]  # length, width, height
Style = Mapping[str, float | int]  # fields of `Styles`
STYLES = tuple(Styles.__dataclass_fields__)
CATEGORIES = (*(name for name in FLEET if name != "van"), *OBJECT_SIZE_M)
PEDESTRIAN = "human.pedestrian.adult"
PEDESTRIAN_SIZE_M = (0.5, 0.6, 1.75)
_FASTEST_MPS = 70.0


@dataclass(frozen=True)
class Driver:
    """Starts with its centre `at_m` along the lane `route[0]`; lanes are numbers of the map's.

    `route` names lanes on the way, all or some; `change`: where along the lane that it leaves it
    changes to the one beside, and over how many metres; None: when it has to.
    """

    name: str
    category: str
    size_m: Size
    at_m: float
    speed_mps: float
    route: tuple[int, ...]
    style: dict[str, float]
    change: tuple[float, float] | None = None


@dataclass(frozen=True)
class Mover:
    """Follows its track `[T, 5]` (x, y, yaw, vx, vy), where it is `valid`."""

    name: str
    category: str
    size_m: Size
    track: Array
    valid: Array
    style: dict[str, float]


def usual_size_m(category: str) -> Size:
    """The middle of the sizes that the generator draws."""
    if category in OBJECT_SIZE_M:
        return OBJECT_SIZE_M[category]
    _, *ranges = FLEET[category]
    length, width, height = (0.5 * (low + high) for low, high in ranges)
    return length, width, height


def walk(name: str, path_m: Array, speed_mps: float, starts_s: float, time_s: Array) -> Array:
    """The track of who walks along a line, from a time on; before and after that it stands."""
    line = polyline.drop_repeats(points_of(f"{name}: path", path_m, least=2))
    walked = speed_mps * np.clip(time_s - starts_s, 0.0, None)
    return moving_track(polyline.at(line, walked), line[1] - line[0], float(time_s[1] - time_s[0]))


def follow(name: str, trajectory: Array, time_s: Array) -> tuple[Array, Array]:
    """Track and presence of who follows points `[K, 3]` of time, x, y: there from the first to the last.

    In between by monotone cubics (Fritsch and Carlson 1980), which do not overshoot.
    """
    from scipy.interpolate import PchipInterpolator

    rows = np.asarray(trajectory, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != 3 or len(rows) < 2 or not np.isfinite(rows).all():
        raise InputError(f"{name}: trajectory: expected two points (t_s, x_m, y_m) or more")
    steps_s = np.diff(rows[:, 0])
    if (steps_s <= 0.0).any():
        k = int((steps_s <= 0.0).argmax()) + 1
        raise InputError(f"{name}: trajectory: point {k} is not later than the one before it")
    pace = np.linalg.norm(np.diff(rows[:, 1:], axis=0), axis=1) / steps_s
    if pace.max() > _FASTEST_MPS:
        k = int(pace.argmax())
        raise InputError(
            f"{name}: trajectory: {pace[k]:.0f} m/s between points {k} and {k + 1}; at most "
            f"{_FASTEST_MPS:g} m/s"
        )
    if pace.max() == 0.0:
        raise InputError(f"{name}: trajectory: it never moves; use parked_car")
    valid = (time_s >= rows[0, 0] - 1e-6) & (time_s <= rows[-1, 0] + 1e-6)
    if valid.sum() < 2:
        raise InputError(f"{name}: trajectory: none of its times lies within the scenario")
    place = PchipInterpolator(rows[:, 0], rows[:, 1:])(time_s.clip(rows[0, 0], rows[-1, 0]))
    first = next(step for step in np.diff(rows[:, 1:], axis=0) if step.any())
    dt_s = float(time_s[1] - time_s[0])
    track = np.zeros((len(time_s), 5))
    track[valid] = moving_track(place[valid], first, dt_s)
    return track, valid
