"""`RoadBuilder`: lanes drawn by hand, how they join, and what stands at them and is painted on them.

Frame: the user's own, metres, x east, y north. Each call says at once what is wrong with it.
"""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from sim.errors import InputError, one_of
from sim.geometry import polyline
from sim.scenario import (
    AreaKind,
    LaneKind,
    LaneMap,
    ObstacleKind,
    StaticObstacle,
    StopKind,
)
from sim.scenario_check.values import require_number, require_text
from sim.sources.by_hand.shapes import (
    across,
    points_of,
    require_joined,
    require_lane_line,
    require_side_by_side,
    spanned,
    width_of,
)
from sim.sources.by_hand.signals import LONGEST_PHASE_S, Light
from sim.sources.lanes import SPEED_LIMIT_MPS, STRAIGHT_RANK, turn_rank
from sim.sources.procedural.builder import MapBuilder, strip

Array = np.ndarray
MINOR_HANDICAP = 40  # of rank: who comes on a minor lane gives way, whatever way it turns
_WIDTH_M = (1.0, 12.0)  # of lanes
_FASTEST_MPS = 100.0
_STOPS = {StopKind.SIGNAL: "light", StopKind.STOP_SIGN: "stop sign", StopKind.YIELD: "yield sign"}


@dataclass(frozen=True)
class DrawnLane:
    """A lane of a builder, to be named in further calls; `number`: its place in the map's lanes."""

    name: str
    number: int


class RoadBuilder:
    """Collects a map; `finished_map` paves it."""

    def __init__(self) -> None:
        self.lights: list[Light] = []
        self._start_from(LaneMap())

    def _start_from(self, given: LaneMap) -> None:
        """Go on from a map; what its lights do is not part of it: their lines go."""
        self.map = MapBuilder(
            lanes=list(given.lanes),
            areas=list(given.areas),
            stop_lines=[stop for stop in given.stop_lines if stop.light < 0],
            widths_m=[width_of(lane) for lane in given.lanes],
        )
        self.obstacles: dict[str, StaticObstacle] = {
            f"obstacle {k + 1}": one for k, one in enumerate(given.obstacles)
        }
        is_paved = any(area.kind == AreaKind.DRIVABLE for area in given.areas)
        self._paved = len(given.lanes) if is_paved else 0  # lanes that have their pavement

    def lane(
        self,
        line_m: ArrayLike,
        width_m: float = 3.5,
        speed_limit_mps: float = SPEED_LIMIT_MPS,
        name: str | None = None,
    ) -> DrawnLane:
        """A lane along the points `[K, 2]` of its middle, in its direction of travel."""
        name = name or f"lane {len(self.map.lanes) + 1}"
        _require_new(f"lane {name!r}", name, [lane.lane_id for lane in self.map.lanes])
        _require_width(f"lane {name!r}", width_m)
        require_number(f"lane {name!r}: speed_limit_mps", speed_limit_mps, 0.0, _FASTEST_MPS)
        line = require_lane_line(f"lane {name!r}", line_m, width_m)
        number = self.map.add_lane(line, width_m, speed_limit_mps, priority=STRAIGHT_RANK)
        return self._named(number, name)

    def find_lane(self, name: str) -> DrawnLane:
        """The lane of that name, as of a map that was given."""
        names = [lane.lane_id for lane in self.map.lanes]
        one_of("lane", name, names)
        return DrawnLane(name, names.index(name))

    def connect(self, before: DrawnLane, after: DrawnLane) -> None:
        """Traffic of `before` may go on into `after`, which begins where that ends."""
        a, b = self.number_of(before), self.number_of(after)
        require_joined(self.map.lanes[a], self.map.lanes[b])
        if b not in self.map.lanes[a].successors:
            self.map.connect(a, b)

    def side_by_side(self, *lanes: DrawnLane) -> None:
        """Lanes of one direction beside each other, from left to right: cars may change between them."""
        if len(lanes) < 2:
            raise InputError("side_by_side: name two lanes or more, from left to right")
        numbers = [self.number_of(lane) for lane in lanes]
        for left, right in itertools.pairwise(numbers):
            require_side_by_side(self.map.lanes[left], self.map.lanes[right])
            self.map.beside(left, right)

    def connector(
        self,
        before: DrawnLane,
        after: DrawnLane,
        priority: int | None = None,
        name: str | None = None,
    ) -> DrawnLane:
        """A curve through a junction, from the end of one lane to the start of another.

        `priority`: where ways conflict the higher one goes first; None: straight on before right
        turns before left ones (30, 20, 10).
        """
        a, b = self.number_of(before), self.number_of(after)
        name = name or f"{before.name} to {after.name}"
        _require_new(f"connector {name!r}", name, [lane.lane_id for lane in self.map.lanes])
        gap_m = self.map.lanes[b].centerline_m[0] - self.map.lanes[a].centerline_m[-1]
        if np.linalg.norm(gap_m) < 1.0:
            raise InputError(
                f"connector: lane {after.name!r} starts where lane {before.name!r} ends: use connect"
            )
        width_m = min(self.map.widths_m[a], self.map.widths_m[b])
        limit_mps = min(self.map.lanes[k].speed_limit_mps for k in (a, b))
        number = self.map.connector(a, b, width_m, limit_mps, priority or 0)
        if priority is None:
            rank = turn_rank(self.map.lanes[number].centerline_m)
            self.map.lanes[number] = replace(self.map.lanes[number], priority=rank)
        return self._named(number, name)

    def junction(
        self,
        ways: Sequence[tuple[DrawnLane, DrawnLane]],
        minor: Collection[DrawnLane] = (),
    ) -> list[DrawnLane]:
        """A connector for each way `(from, to)`, in that order, and the area of the intersection.

        Who comes on a `minor` lane gives way to all who do not; else straight on goes before right
        turns, these before left turns.
        """
        import shapely

        if not ways:
            raise InputError("junction: name its ways, as [(from_west, to_east), ...]")
        made, corners = [], []
        for before, after in ways:
            way = self.connector(before, after)
            lane = self.map.lanes[way.number]
            if before in minor:
                lane = replace(lane, priority=lane.priority - MINOR_HANDICAP)
                self.map.lanes[way.number] = lane
            made.append(way)
            corners += [
                side[end]
                for side in (lane.left_boundary_m, lane.right_boundary_m)
                for end in (0, -1)
            ]
        self.map.add_area(AreaKind.INTERSECTION, shapely.MultiPoint(corners).convex_hull)
        return made

    def stop_sign(self, *lanes: DrawnLane, before_end_m: float = 1.0) -> None:
        """A stop sign and its line, so far before the ends of the lanes."""
        self._stop_line(lanes, before_end_m, StopKind.STOP_SIGN)

    def yield_sign(self, *lanes: DrawnLane, before_end_m: float = 1.0) -> None:
        """A yield sign and its line; who yields to whom is the connectors' priority."""
        self._stop_line(lanes, before_end_m, StopKind.YIELD)

    def light(
        self,
        *lanes: DrawnLane,
        green_s: float,
        red_s: float,
        yellow_s: float = 3.0,
        offset_s: float = 0.0,
        before_end_m: float = 1.0,
    ) -> None:
        """A traffic light for these lanes, with its stop line; at t = 0 it is `offset_s` into its green."""
        for what, value in {"green_s": green_s, "yellow_s": yellow_s, "red_s": red_s}.items():
            require_number(f"light: {what}", value, 0.0, LONGEST_PHASE_S)
        require_number("light: offset_s", offset_s, -LONGEST_PHASE_S, LONGEST_PHASE_S)
        self._stop_line(lanes, before_end_m, StopKind.SIGNAL, len(self.lights))
        self.lights.append(Light(green_s, yellow_s, red_s, offset_s))

    def crosswalk(self, *lanes: DrawnLane, at_m: float, width_m: float = 3.5) -> Array:
        """A crosswalk over these lanes, `at_m` along the first; returns the way over it `[2, 2]`.

        From the right of the first lane to its left, a step beyond the edges: for `pedestrian(path=...)`.
        """
        if not lanes:
            raise InputError("crosswalk: name the lanes that it crosses")
        _require_width("crosswalk", width_m)
        drawn = [self.map.lanes[self.number_of(lane)] for lane in lanes]
        self.require_on_lane("crosswalk: at_m", lanes[0], at_m)
        way = spanned(drawn, at_m)
        self.map.add_area(AreaKind.CROSSWALK, strip(way, 0.5 * width_m))
        return way

    def obstacle(
        self,
        outline_m: ArrayLike,
        height_m: float,
        kind: str = "building",
        name: str | None = None,
    ) -> None:
        """Something that stands for good: building, wall, pole, hedge or tree, of this outline `[K, 2]`."""
        import shapely

        one_of("obstacle: kind", kind, [each.name.lower() for each in ObstacleKind])
        name = name or f"{kind} {1 + sum(one.startswith(kind) for one in self.obstacles)}"
        _require_new(name, name, list(self.obstacles))
        require_number(f"{name}: height_m", height_m, 0.0, 1000.0)
        outline = points_of(name, outline_m, least=3)
        shape = shapely.Polygon(outline)
        if not shape.is_valid or shape.area < 1e-4:
            raise InputError(f"{name}: its outline crosses itself, or has no area")
        radius_m = 0.0
        if kind in ("pole", "tree"):
            radius_m = float(np.linalg.norm(outline - outline.mean(axis=0), axis=1).mean())
        self.obstacles[name] = StaticObstacle(
            ObstacleKind[kind.upper()], outline.astype(np.float32), height_m, radius_m
        )

    def number_of(self, lane: DrawnLane) -> int:
        """Its place in the map; InputError for what is no lane of this builder."""
        if not isinstance(lane, DrawnLane):
            raise InputError(f"{lane!r} is no lane: name what lane(...) or find_lane(...) returned")
        lanes = self.map.lanes
        if lane.number >= len(lanes) or lanes[lane.number].lane_id != lane.name:
            raise InputError(f"lane {lane.name!r} belongs to another builder")
        return lane.number

    def require_on_lane(self, where: str, lane: DrawnLane, at_m: float) -> None:
        """Raise InputError where the lane is shorter than that."""
        length_m = polyline.length_m(self.map.lanes[self.number_of(lane)].centerline_m)
        require_number(where, at_m, -1e9, 1e9)
        if not 0.0 <= at_m <= length_m:
            raise InputError(
                f"{where}: {at_m:g} m, but lane {lane.name!r} is {length_m:.1f} m long"
            )

    def finished_map(self) -> LaneMap:
        """The map so far, its new lanes paved."""
        new = MapBuilder(self.map.lanes[self._paved :], widths_m=self.map.widths_m[self._paved :])
        if new.lanes:
            new.pave()
        built = self.map.build()
        return replace(
            built, areas=[*built.areas, *new.areas], obstacles=list(self.obstacles.values())
        )

    def goal_line(self, lane: DrawnLane, at_m: float) -> Array:
        """The line `[2, 2]` over a lane and those beside it, its left end first."""
        self.require_on_lane("goal", lane, at_m)
        row = self.map.abreast(lane.number)
        return across(
            self.map.lanes[lane.number], at_m, *(self.map.lanes[k] for k in (row[0], row[-1]))
        )

    def _stop_line(
        self, lanes: tuple[DrawnLane, ...], before_end_m: float, kind: StopKind, light: int = -1
    ) -> None:
        what = _STOPS[kind]
        if not lanes:
            raise InputError(f"{what}: name the lanes that it is for")
        for lane in lanes:
            self.require_on_lane(f"{what}: before_end_m", lane, before_end_m)
            if self.map.lanes[self.number_of(lane)].kind == LaneKind.CONNECTOR:
                raise InputError(
                    f"{what}: {lane.name!r} lies within a junction; name the lane that leads to it"
                )
            if any(lane.number in stop.lanes for stop in self.map.stop_lines):
                raise InputError(f"{what}: lane {lane.name!r} has a light or a sign already")
        self.map.stop_line(tuple(lane.number for lane in lanes), before_end_m, kind, light)

    def _named(self, number: int, name: str) -> DrawnLane:
        self.map.lanes[number] = replace(self.map.lanes[number], lane_id=name)
        return DrawnLane(name, number)


def _require_new(where: str, name: str, names: Collection[str]) -> None:
    require_text(where, name)
    if name in names:
        raise InputError(f"{where}: there is one of that name already")


def _require_width(where: str, width_m: float) -> None:
    require_number(f"{where}: width_m", width_m, 0.0, 1000.0)
    if not _WIDTH_M[0] <= width_m <= _WIDTH_M[1]:
        low, high = _WIDTH_M
        raise InputError(f"{where}: {width_m:g} m wide; between {low:g} and {high:g} m are needed")
