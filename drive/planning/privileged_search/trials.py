"""`Trial`: a way through a scenario and the speeds along it, drawn at random or varied from another."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sim.geometry import polyline
from sim.scenario import EGO, Scenario
from sim.sources.procedural.builder import smoothstep

Array = np.ndarray
Rng = np.random.Generator

AHEAD_M = 260.0  # of each way, from where the ego starts
_ON_ROUTE_M = 1.0
_LANE_CHANGE_S = (2.5, 6.0)
_NEAREST_M, _FARTHEST_M = 2.0, 120.0  # where a way may leave the line it is on, from the start


@dataclass(frozen=True)
class Way:
    """A line to drive along: the reference line, moved over for a while, or into another lane.

    `lanes`: those to change into, in order; none: it stays beside the reference line. `shift_m` to the
    left of that between `from_m` and `to_m`. Moving over takes `length_m`.
    """

    lanes: tuple[int, ...] = ()
    shift_m: float = 0.0
    from_m: float = 0.0
    to_m: float = 0.0
    length_m: float = 30.0


@dataclass(frozen=True)
class Trial:
    """A way, and how fast: `early` times the limit up to `switch_s`, then `late` times; behind others
    with `headway_s`; not beyond `wait_at_m` before `go_s`."""

    way: Way
    early: float = 1.0
    late: float = 1.0
    switch_s: float = 0.0
    headway_s: float = 1.0
    wait_at_m: float = np.inf
    go_s: float = 0.0


@dataclass(frozen=True)
class Ways:
    """What ways there are in a scenario."""

    scenario: Scenario

    @cached_property
    def reference(self) -> tuple[Array, Array]:
        """The line that the ego is on at the start, from there on `[M, 2]`, and the limit at each point."""
        points, owner = self._on_route or self._on_lanes
        start = self.scenario.tracks.position_m[EGO, :1, :2].astype(np.float64)
        first = max(int(polyline.project(points, start)[0][0]) - 6, 0)
        limits = np.array([lane.speed_limit_mps for lane in self.scenario.map.lanes] + [10.0])
        ahead = slice(first, first + int(AHEAD_M))
        return points[ahead], limits[owner[ahead]]

    @cached_property
    def _on_route(self) -> tuple[Array, Array] | None:
        """Its route, and the lane of each of its points; None where it has to change lanes to get on it."""
        route = self.scenario.routes[EGO]
        assert route is not None
        _, offset = polyline.project(route.path_m, self.scenario.tracks.position_m[EGO, :1, :2])
        if abs(offset[0]) > _ON_ROUTE_M:
            return None
        return route.path_m.astype(np.float64), route.lane_of_point

    @cached_property
    def _on_lanes(self) -> tuple[Array, Array]:
        """The lane that the ego stands on and what follows it, as `_on_route`."""
        lanes, start = self.scenario.map.lanes, self.scenario.tracks.position_m[EGO, :1, :2]
        off = [abs(polyline.project(lane.centerline_m, start)[1][0]) for lane in lanes]
        return self._joined(self._onward((int(np.argmin(off)),), 0.0)[0])

    def _joined(self, chain: tuple[int, ...]) -> tuple[Array, Array]:
        """The middle of successive lanes about every metre, and the lane of each point."""
        lanes = self.scenario.map.lanes
        parts = [lanes[k].centerline_m.astype(np.float64) for k in chain]
        owner = np.concatenate([np.full(len(p), k) for p, k in zip(parts, chain, strict=True)])
        points = np.concatenate(parts)
        keep = np.append(True, np.linalg.norm(np.diff(points, axis=0), axis=1) > 1e-3)
        return points[keep], owner[keep]

    @cached_property
    def beside(self) -> list[tuple[int, ...]]:
        """Sequences of lanes that start beside one of those that the ego's line is on."""
        lanes = self.scenario.map.lanes
        _, owner = self._on_route or self._on_lanes
        own = [k for k in dict.fromkeys(owner.tolist()) if k >= 0]
        starts = [s for k in own for s in (lanes[k].left_neighbor, lanes[k].right_neighbor)]
        return [found for s in dict.fromkeys(starts) if s >= 0 for found in self._onward((s,), 0.0)]

    def _onward(self, so_far: tuple[int, ...], length_m: float) -> list[tuple[int, ...]]:
        """All ways on from some lanes, about `AHEAD_M` long."""
        lane = self.scenario.map.lanes[so_far[-1]]
        length_m += polyline.arc_length_m(lane.centerline_m)[-1]
        nexts = [k for k in lane.successors if k not in so_far]
        if length_m > 2.0 * AHEAD_M or not nexts:
            return [so_far]
        return [found for k in nexts for found in self._onward((*so_far, k), length_m)]

    def line(self, way: Way) -> tuple[Array, Array]:
        """Points every metre `[M, 2]` and the limit at each."""
        line, limit = self.reference
        s = polyline.arc_length_m(line)
        if not way.lanes:
            over = smoothstep((s - way.from_m) / way.length_m)
            over = over * smoothstep((way.to_m + way.length_m - s) / way.length_m)
            return polyline.offset(line, way.shift_m * over), limit
        other, owner = self._joined(way.lanes)
        along, _ = polyline.project(other, line)
        blend = smoothstep((s - way.from_m) / way.length_m)[:, None]
        mixed = (1.0 - blend) * line + blend * polyline.at(other, along)
        changed = s > way.from_m + way.length_m
        until = int(changed.argmax()) if changed.any() else len(s) - 1
        rest = polyline.arc_length_m(other) > along[until] + 0.5
        points = np.concatenate((mixed[: until + 1], other[rest]))[: int(AHEAD_M)]
        limits = np.array([lane.speed_limit_mps for lane in self.scenario.map.lanes])
        return points, np.concatenate((limit[: until + 1], limits[owner[rest]]))[: int(AHEAD_M)]

    def leads_to_goal(self, way: Way) -> bool:
        """Whether its line crosses the goal line."""
        import shapely

        goal = self.scenario.goal_line_m
        return goal is not None and shapely.LineString(self.line(way)[0]).intersects(
            shapely.LineString(goal)
        )

    def draw(self, rng: Rng, speed_mps: float) -> Trial:
        """A trial at random whose way leads to the goal (the reference line where none is found)."""
        for _ in range(8):
            way = self._draw_way(rng, speed_mps)
            if self.leads_to_goal(way):
                break
        else:
            way = Way()
        waits = rng.random() < 0.45
        return Trial(
            way,
            early=float(rng.choice((0.3, 0.5, 0.7, 0.85, 1.0, 1.15))),
            late=float(rng.choice((0.5, 0.8, 1.0, 1.1))),
            switch_s=float(rng.uniform(0.5, 8.0)),
            headway_s=float(rng.uniform(0.4, 1.6)),
            wait_at_m=float(rng.uniform(8.0, 90.0)) if waits else np.inf,
            go_s=float(rng.uniform(1.0, 13.0)) if waits else 0.0,
        )

    def _draw_way(self, rng: Rng, speed_mps: float) -> Way:
        kind = rng.random()
        length = float(np.clip(speed_mps, 4.0, 20.0) * rng.uniform(*_LANE_CHANGE_S))
        start = float(rng.uniform(_NEAREST_M, _FARTHEST_M))
        if kind < 0.35:
            return Way()
        if kind < 0.65 or not self.beside:
            return Way(
                shift_m=float(rng.choice((-1, 1), p=(0.3, 0.7)) * rng.uniform(0.4, 3.6)),
                from_m=start,
                to_m=start + float(rng.uniform(15.0, 70.0)),
                length_m=min(length, 25.0),
            )
        lanes = self.beside[int(rng.integers(len(self.beside)))]
        return Way(lanes=lanes, from_m=start, length_m=length)

    def vary(self, trial: Trial, rng: Rng) -> Trial:
        """Something like it, on a way that leads to the goal as well."""
        way = trial.way
        if way != Way() and rng.random() < 0.7:
            moved = replace(
                way,
                shift_m=way.shift_m + float(rng.normal(0, 0.3)) * (way.shift_m != 0.0),
                from_m=max(way.from_m + float(rng.normal(0, 8)), 0.0),
                to_m=way.to_m + float(rng.normal(0, 8)),
                length_m=float(np.clip(way.length_m * rng.uniform(0.8, 1.25), 10.0, 90.0)),
            )
            way = moved if self.leads_to_goal(moved) else way
        return replace(
            trial,
            way=way,
            early=float(np.clip(trial.early + rng.normal(0, 0.12), 0.1, 1.2)),
            late=float(np.clip(trial.late + rng.normal(0, 0.12), 0.3, 1.2)),
            switch_s=float(np.clip(trial.switch_s + rng.normal(0, 1.0), 0.2, 12.0)),
            headway_s=float(np.clip(trial.headway_s + rng.normal(0, 0.2), 0.3, 2.0)),
            wait_at_m=trial.wait_at_m + float(rng.normal(0, 3.0)),
            go_s=float(np.clip(trial.go_s + rng.normal(0, 1.0), 0.0, 15.0)),
        )
