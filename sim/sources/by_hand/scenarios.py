"""`ScenarioBuilder`: a scenario written by hand, and recorded by the project's own traffic."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from sim.errors import InputError, one_of
from sim.scenario import LaneMap, Scenario
from sim.scenario_check.values import require_number, require_text
from sim.scenario_file import SUFFIX, save_scenario
from sim.sources.by_hand.assembly import Goal, assemble
from sim.sources.by_hand.checks import checked_style, require_size, require_speed
from sim.sources.by_hand.people import (
    CATEGORIES,
    PEDESTRIAN,
    PEDESTRIAN_SIZE_M,
    Driver,
    Mover,
    Size,
    Style,
    follow,
    usual_size_m,
    walk,
)
from sim.sources.by_hand.roads import DrawnLane, RoadBuilder
from sim.sources.by_hand.shapes import pose_on
from sim.sources.procedural.crowd import OBJECT_SIZE_M
from sim.sources.procedural.spawn import EGO_SIZE_M

_AS_OTHERS: Style = MappingProxyType({})
_DURATION_S = (1.0, 600.0)
_CONE, _BARRIER = OBJECT_SIZE_M
_KERB_M = 0.3  # between a parked car and the lane


class ScenarioBuilder(RoadBuilder):
    """Roads (see `RoadBuilder`), the ego, and who else is there.

    Drivers keep to the lanes of their `route`: the ones that they name and those that lead from each to
    the next. They start with their middle `at_m` along a lane. A lane and one beside it, one after the
    other, are a change of lanes: at `change_at_m` along the first; if that is not given, when the traffic
    lets them, and not before they need it to get where the route leads.
    `style`: fields of `sim.scenario.Styles` by which somebody differs, as `{"yields": Yielding.NEVER}`.
    """

    def __init__(self, name: str, duration_s: float = 15.0, dt_s: float = 0.1) -> None:
        super().__init__()
        require_text("name", name)
        require_number("dt_s", dt_s, 0.0, 0.5)
        require_number("duration_s", duration_s, 0.0, 1e9)
        if not _DURATION_S[0] <= duration_s <= _DURATION_S[1]:
            low, high = _DURATION_S
            raise InputError(f"duration_s: {duration_s:g} is not between {low:g} and {high:g}")
        self.name, self.dt_s = name, dt_s
        self.time_s = dt_s * np.arange(round(duration_s / dt_s) + 1)
        self._ego: Driver | None = None
        self._goal: Goal | None = None
        self._drivers: list[Driver] = []
        self._movers: list[Mover] = []
        self._count: Counter[str] = Counter()

    @classmethod
    def on_map(
        cls, lane_map: LaneMap, name: str, duration_s: float = 15.0, dt_s: float = 0.1
    ) -> "ScenarioBuilder":
        """On a map that there is already, as `read_opendrive` makes one.

        Its ground counts as flat, and lights have to be given anew.
        """
        builder = cls(name, duration_s, dt_s)
        builder._start_from(lane_map)
        return builder

    def ego(
        self,
        lane: DrawnLane,
        at_m: float,
        speed_mps: float,
        route: Sequence[DrawnLane] = (),
        goal: tuple[DrawnLane, float] | None = None,
        time_limit_s: float | None = None,
        size_m: Size = EGO_SIZE_M,
    ) -> None:
        """The car that planners drive. `goal`: a lane and how far along it, to be reached in the limit."""
        if self._ego is not None:
            raise InputError("ego: there is one already")
        self._ego = self._driver("ego", "vehicle.car", lane, at_m, speed_mps, route, size_m)
        if goal is None and time_limit_s is not None:
            raise InputError("ego: time_limit_s: there is no goal to be reached by then")
        if goal is not None:
            last_s = float(self.time_s[-1])
            limit_s = last_s if time_limit_s is None else time_limit_s
            require_number("ego: time_limit_s", limit_s, 0.0, last_s)
            self._goal = Goal(self.goal_line(*goal), limit_s)

    def car(
        self,
        lane: DrawnLane,
        at_m: float,
        speed_mps: float,
        route: Sequence[DrawnLane] = (),
        change_at_m: float | None = None,
        change_over_m: float = 30.0,
        style: Style = _AS_OTHERS,
        category: str = "vehicle.car",
        size_m: Size | None = None,
        name: str | None = None,
    ) -> None:
        """A driver of the reactive traffic."""
        one_of("car: category", category, CATEGORIES)
        name = self._new_name(name, "car")
        driver = self._driver(
            name, category, lane, at_m, speed_mps, route, size_m or usual_size_m(category), style,
            None if change_at_m is None else (change_at_m, change_over_m),
        )  # fmt: skip
        self._drivers.append(driver)

    def cyclist(
        self,
        lane: DrawnLane,
        at_m: float,
        speed_mps: float = 4.0,
        route: Sequence[DrawnLane] = (),
        style: Style = _AS_OTHERS,
        name: str | None = None,
    ) -> None:
        """Somebody on a bicycle, in the traffic of the lane."""
        name, category = self._new_name(name, "cyclist"), "vehicle.bicycle"
        size = usual_size_m(category)
        driver = self._driver(name, category, lane, at_m, speed_mps, route, size, style)
        self._drivers.append(driver)

    def scripted_car(
        self,
        trajectory: ArrayLike,
        category: str = "vehicle.car",
        size_m: Size | None = None,
        name: str | None = None,
    ) -> None:
        """Goes through points `[K, 3]` of time, x, y, whatever others do; before and after it is away."""
        one_of("scripted_car: category", category, CATEGORIES)
        name = self._new_name(name, "scripted car")
        track, valid = follow(name, np.asarray(trajectory), self.time_s)
        self._add_mover(name, category, size_m or usual_size_m(category), track, valid)

    def pedestrian(
        self,
        path: ArrayLike,
        speed_mps: float = 1.4,
        starts_s: float = 0.0,
        style: Style = _AS_OTHERS,
        name: str | None = None,
    ) -> None:
        """Walks along points `[K, 2]`, as one that `crosswalk` returns, and waits at the kerb for a gap."""
        name = self._new_name(name, "pedestrian")
        require_speed(name, speed_mps, 0.1)
        require_number(f"{name}: starts_s", starts_s, -1e-9, 1e9)
        if starts_s >= self.time_s[-1]:
            last_s = self.time_s[-1]
            raise InputError(f"{name}: starts at {starts_s:g} s, the scenario ends at {last_s:g} s")
        track = walk(name, np.asarray(path), speed_mps, starts_s, self.time_s)
        always = np.ones(len(track), dtype=bool)
        self._add_mover(name, PEDESTRIAN, PEDESTRIAN_SIZE_M, track, always, style)

    def parked_car(
        self,
        lane: DrawnLane,
        at_m: float,
        offset_m: float | None = None,
        category: str = "vehicle.car",
        size_m: Size | None = None,
        name: str | None = None,
    ) -> None:
        """Stands beside a lane, `offset_m` to the left of its middle (None: right at its right edge)."""
        one_of("parked_car: category", category, CATEGORIES)
        size = size_m or usual_size_m(category)
        if offset_m is None:
            offset_m = -0.5 * (self.map.widths_m[self.number_of(lane)] + size[1]) - _KERB_M
        self._stand("parked car", category, size, lane, at_m, offset_m, name)

    def cone(
        self, lane: DrawnLane, at_m: float, offset_m: float = 0.0, name: str | None = None
    ) -> None:
        """A traffic cone, `offset_m` to the left of the lane's middle."""
        self._stand("cone", _CONE, OBJECT_SIZE_M[_CONE], lane, at_m, offset_m, name)

    def barrier(
        self, lane: DrawnLane, at_m: float, offset_m: float = 0.0, name: str | None = None
    ) -> None:
        """A barrier across the lane, `offset_m` to the left of its middle."""
        self._stand("barrier", _BARRIER, OBJECT_SIZE_M[_BARRIER], lane, at_m, offset_m, name)

    def scenario(self) -> Scenario:
        """The recording: the traffic drives everyone who has a route, the ego included.

        Raises InputError, in a sentence that names the one it is about, for what cannot be.
        """
        if self._ego is None:
            raise InputError("no ego: call ego(lane, at_m=..., speed_mps=...)")
        return assemble(
            self, self.name, self.time_s, [self._ego, *self._drivers], self._movers, self._goal
        )

    def save(self, path: str | Path) -> Path:
        """Record and write it, as `bevdrive save` does; the file's name is yours and ends in .scenario."""
        path = Path(path)
        if path.suffix != SUFFIX:
            raise InputError(f"{path}: the name of a saved scenario ends in {SUFFIX}")
        save_scenario(self.scenario(), path)
        return path

    def _driver(
        self,
        name: str,
        category: str,
        lane: DrawnLane,
        at_m: float,
        speed_mps: float,
        route: Sequence[DrawnLane],
        size_m: Size,
        style: Style = _AS_OTHERS,
        change: tuple[float, float] | None = None,
    ) -> Driver:
        require_size(name, size_m)
        require_speed(name, speed_mps)
        self.require_on_lane(f"{name}: at_m", lane, at_m)
        if change is not None:
            require_number(f"{name}: change_at_m", change[0], -1e9, 1e9)
            require_number(f"{name}: change_over_m", change[1], 0.0, 1e9)
        numbers = [self.number_of(one) for one in (lane, *route)]
        if len(numbers) > 1 and numbers[0] == numbers[1]:
            numbers = numbers[1:]  # routes may begin with the lane that they start on, or after it
        return Driver(
            name,
            category,
            size_m,
            at_m,
            speed_mps,
            tuple(numbers),
            checked_style(name, style),
            change,
        )

    def _stand(
        self,
        kind: str,
        category: str,
        size_m: Size,
        lane: DrawnLane,
        at_m: float,
        offset_m: float,
        name: str | None,
    ) -> None:
        name = self._new_name(name, kind)
        self.require_on_lane(f"{name}: at_m", lane, at_m)
        require_number(f"{name}: offset_m", offset_m, -1e9, 1e9)
        (x, y), yaw = pose_on(self.map.lanes[lane.number], at_m)
        pose = (x - offset_m * np.sin(yaw), y + offset_m * np.cos(yaw), yaw, 0.0, 0.0)
        track = np.tile(pose, (len(self.time_s), 1))
        self._add_mover(name, category, size_m, track, np.ones(len(track), dtype=bool))

    def _add_mover(
        self,
        name: str,
        category: str,
        size_m: Size,
        track: np.ndarray,
        valid: np.ndarray,
        style: Style = _AS_OTHERS,
    ) -> None:
        require_size(name, size_m)
        self._movers.append(Mover(name, category, size_m, track, valid, checked_style(name, style)))

    def _new_name(self, name: str | None, kind: str) -> str:
        self._count[kind] += 1
        name = name or f"{kind} {self._count[kind]}"
        require_text(f"{kind}: name", name)
        if name in ("ego", *(one.name for one in (*self._drivers, *self._movers))):
            raise InputError(f"{kind}: there is already somebody called {name!r}")
        return name
