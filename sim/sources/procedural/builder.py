"""Building blocks of generated maps: lanes along lines, roads, routes, lane changes."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sim.geometry import polyline
from sim.scenario import (
    AreaKind,
    Lane,
    LaneKind,
    LaneMap,
    MapArea,
    Route,
    StopKind,
    StopLine,
)

Array = np.ndarray
SHOULDER_M = 0.6


def strip(line_m: Array, half_m: float) -> Any:
    """All that is so near to a line, cut off straight at its ends: a shapely polygon.

    Of the line in float32: whether three points lie on one straight line hangs on the last bit of a sine,
    which machines do not agree upon, and what is dropped from an outline hangs on that.
    """
    import shapely

    rounded = np.asarray(line_m, dtype=np.float32)
    return shapely.LineString(rounded).buffer(half_m, cap_style="flat")


@dataclass
class MapBuilder:
    """Collects lanes and areas; `build` returns them as a `LaneMap`."""

    lanes: list[Lane] = field(default_factory=list)
    areas: list[MapArea] = field(default_factory=list)
    stop_lines: list[StopLine] = field(default_factory=list)
    widths_m: list[float] = field(default_factory=list)

    def add_lane(
        self,
        line_m: Array,
        width_m: float,
        limit_mps: float,
        kind: LaneKind = LaneKind.LANE,
        priority: int = 30,
    ) -> int:
        """A lane of constant width along a line; returns its index."""
        line = polyline.resample(line_m, 1.0)
        left, right = polyline.offset(line, width_m / 2), polyline.offset(line, -width_m / 2)
        lane = Lane(
            lane_id=f"lane-{len(self.lanes)}",
            kind=kind,
            centerline_m=line.astype(np.float32),
            left_boundary_m=left.astype(np.float32),
            right_boundary_m=right.astype(np.float32),
            polygon_m=np.concatenate((right, left[::-1])).astype(np.float32),
            speed_limit_mps=limit_mps,
            priority=priority,
        )
        self.lanes.append(lane)
        self.widths_m.append(width_m)
        return len(self.lanes) - 1

    def connect(self, before: int, after: int) -> None:
        """Traffic of `before` may go on into `after`."""
        a, b = self.lanes[before], self.lanes[after]
        self.lanes[before] = replace(a, successors=(*a.successors, after))
        self.lanes[after] = replace(b, predecessors=(*b.predecessors, before))

    def beside(self, left: int, right: int) -> None:
        """Two lanes of one direction, next to each other."""
        self.lanes[left] = replace(self.lanes[left], right_neighbor=right)
        self.lanes[right] = replace(self.lanes[right], left_neighbor=left)

    def connector(
        self, before: int, after: int, width_m: float, limit_mps: float, priority: int
    ) -> int:
        """A smooth curve from the end of one lane to the start of another."""
        a, b = self.lanes[before].centerline_m, self.lanes[after].centerline_m
        curve = bezier(a[-1], _direction(a[-2:]), b[0], _direction(b[:2]))
        lane = self.add_lane(curve, width_m, limit_mps, LaneKind.CONNECTOR, priority)
        self.connect(before, lane)
        self.connect(lane, after)
        return lane

    def add_area(self, kind: AreaKind, polygon: Any) -> None:
        """A shapely polygon or multipolygon."""
        import shapely

        for part in shapely.get_parts(polygon):
            rings = [
                np.asarray(r.coords)[:-1].astype(np.float32)
                for r in (part.exterior, *part.interiors)
            ]
            self.areas.append(MapArea(kind, rings[0], tuple(rings[1:])))

    def pave(self, rounding_m: float = 4.0, extra: list[Any] | None = None) -> None:
        """The drivable area: every lane with its shoulder, inner corners rounded."""
        import shapely

        lines = [shapely.LineString(lane.centerline_m) for lane in self.lanes]
        half_m = np.array(self.widths_m) / 2 + SHOULDER_M
        strips = shapely.buffer(lines, half_m, quad_segs=16, cap_style="flat")
        union = shapely.union_all([*strips, *(extra or [])])
        closed = union.buffer(rounding_m, quad_segs=4).buffer(-rounding_m, quad_segs=4)
        self.add_area(AreaKind.DRIVABLE, shapely.set_precision(closed.simplify(0.03), 0.005))

    def stop_line(
        self, lanes: tuple[int, ...], before_end_m: float, kind: StopKind, light: int = -1
    ) -> None:
        """A line across the lanes, `before_end_m` before their ends."""
        for lane in lanes:
            line = self.lanes[lane].centerline_m
            s = polyline.arc_length_m(line)[-1] - before_end_m
            point, ahead = polyline.at(line, np.array((s, s + 0.5)))
            direction = _direction(np.stack((point, ahead)))
            normal = np.array((-direction[1], direction[0])) * self.widths_m[lane] / 2
            ends = np.stack((point - normal, point + normal)).astype(np.float32)
            self.stop_lines.append(StopLine(ends, kind, (lane,), light))

    def route(self, lanes: list[int]) -> Route:
        """The path along successive lanes."""
        pieces = [self.lanes[k].centerline_m.astype(np.float64) for k in lanes]
        owners = np.concatenate([np.full(len(p), k) for p, k in zip(pieces, lanes, strict=True)])
        return route_through(tuple(lanes), np.concatenate(pieces), owners)

    def change_route(
        self,
        before: int,
        after: int,
        start_m: float,
        length_m: float,
        then: tuple[int, ...] = (),
    ) -> Route:
        """A path along one lane that changes into a parallel one `start_m` along it, `then` goes on."""
        a, b = (self.lanes[k].centerline_m.astype(np.float64) for k in (before, after))
        s_on_b, _ = polyline.project(b, a)
        s = polyline.arc_length_m(a)
        blend = smoothstep((s - start_m) / length_m)
        mixed = (1 - blend)[:, None] * a + blend[:, None] * polyline.at(b, s_on_b)
        keep = s <= start_m + length_m
        rest = b[polyline.arc_length_m(b) > s_on_b[keep][-1] + 0.5]
        line = np.concatenate((mixed[keep], rest))
        owners = np.where(blend[keep] < 0.5, before, after)
        owners = np.concatenate((owners, np.full(len(rest), after)))
        if then:
            onward = self.route(list(then))
            line = np.concatenate((line, onward.path_m.astype(np.float64)))
            owners = np.concatenate((owners, onward.lane_of_point))
        return route_through((before, after, *then), line, owners)

    def joining_route(self, line_m: Array, lane: int, from_m: float) -> Route:
        """A path along a line off the lanes, then along a lane from `from_m` on."""
        rest = self.lanes[lane].centerline_m.astype(np.float64)
        rest = rest[polyline.arc_length_m(rest) > from_m + 0.5]
        owners = np.concatenate((np.full(len(line_m), -1), np.full(len(rest), lane)))
        return route_through((lane,), np.concatenate((line_m, rest)), owners)

    def bypass_route(self, lane: int, from_m: float, to_m: float, shift_m: float) -> Route:
        """A path along a lane that leaves its middle for `shift_m` to the left between two places.

        It moves over in the 18 m before and back in the 18 m after them.
        """
        line = self.lanes[lane].centerline_m.astype(np.float64)
        s = polyline.arc_length_m(line)
        over = smoothstep((s - from_m) / 18.0 + 1.0) * smoothstep((to_m - s) / 18.0 + 1.0)
        # In no lane where it moves over: so it has no right of way against those who keep to theirs.
        moves_over = (s > from_m - 18.0) & (s < from_m)
        owners = np.where(moves_over, -1, lane)
        return route_through((lane,), polyline.offset(line, shift_m * over), owners)

    def abreast(self, lane: int) -> list[int]:
        """The lanes of one direction beside a lane, itself included, from left to right."""
        found = [lane]
        while (left := self.lanes[found[0]].left_neighbor) >= 0:
            found.insert(0, left)
        while (right := self.lanes[found[-1]].right_neighbor) >= 0:
            found.append(right)
        return found

    def across(self, lane: int, s_m: float) -> Array:
        """A line `[2, 2]` across a lane and those beside it, `s_m` along them: its left end first."""
        lanes = self.abreast(lane)
        left, right = self.lanes[lanes[0]].left_boundary_m, self.lanes[lanes[-1]].right_boundary_m
        ends = [polyline.at(side.astype(np.float64), np.array((s_m,)))[0] for side in (left, right)]
        return np.stack(ends).astype(np.float32)

    def build(self) -> LaneMap:
        """The finished map."""
        return LaneMap(lanes=self.lanes, areas=self.areas, stop_lines=self.stop_lines)


def smoothstep(t: Array) -> Array:
    """0 to 1 with zero first and second derivatives at both ends."""
    t = np.clip(t, 0.0, 1.0)
    return t**3 * (10 - 15 * t + 6 * t**2)


def bezier(start: Array, start_dir: Array, end: Array, end_dir: Array) -> Array:
    """A cubic between two poses whose handles make it nearly circular, a vertex every metre."""
    start, end = start.astype(np.float64), end.astype(np.float64)
    turn = np.arccos(np.clip(start_dir @ end_dir, -1, 1))
    chord = np.linalg.norm(end - start)
    # An arc of angle turn: handle = 4/3 tan(turn / 4) r, chord = 2 r sin(turn / 2).
    ratio = 1 / 3 if turn < 1e-3 else 4 / 3 * np.tan(turn / 4) / (2 * np.sin(turn / 2))
    c1, c2 = start + ratio * chord * start_dir, end - ratio * chord * end_dir
    t = np.linspace(0, 1, 33)[:, None]
    curve = (1 - t) ** 3 * start + 3 * t * (1 - t) ** 2 * c1 + 3 * t**2 * (1 - t) * c2 + t**3 * end
    return polyline.resample(curve, 1.0)


def line_between(start: Array, end: Array) -> Array:
    """A straight line, a vertex every metre."""
    return polyline.resample(np.stack((start, end)).astype(np.float64), 1.0)


def route_through(lanes: tuple[int, ...], points: Array, owners: Array) -> Route:
    """The route along points `[K, 2]`, resampled every metre; `owners`: the lane of each point."""
    keep = np.ones(len(points), dtype=bool)
    keep[1:] = np.linalg.norm(np.diff(points, axis=0), axis=1) > 1e-3
    points, owners = points[keep], owners[keep]
    s = polyline.arc_length_m(points)
    targets = np.arange(0.0, s[-1], 1.0)
    path = np.stack([np.interp(targets, s, points[:, axis]) for axis in (0, 1)], axis=-1)
    owner = owners[np.searchsorted(s, targets, side="right") - 1]
    return Route(lanes, path.astype(np.float32), owner)


def _direction(pair: Array) -> Array:
    delta = (pair[-1] - pair[0]).astype(np.float64)
    return delta / np.linalg.norm(delta)
