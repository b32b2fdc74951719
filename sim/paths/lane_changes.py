"""Which paths lie beside which, and where one must have changed: made once, for drivers who change lanes.

A driver means to end on its own route. It may be on another path of the pool for a while: where
that runs beside its route for long, or leads to it. Rows are lanes side by side; whoever is in the
row of its route can still get there.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim import trees
from sim.geometry import polyline
from sim.scenario import EGO, Lane, Route, Scenario
from sim.trees import shared

KNOT_M = 8  # spacing of the tables along a path
LEFT, RIGHT = 0, 1
KEEP_ROUTE_M = 120.0  # a change that is not needed must leave so far to get back
_BESIDE_M = (2.0, 5.5)  # between the middles of lanes side by side
_PARALLEL = 0.995  # cosine: who changes sets out along its new path
_ALIGNED = 0.9
_AHEAD_KNOTS = 4  # so far ahead both lanes must go on, for a change that is not needed
_OWN_M = 1.0  # who stands nearer than this to its own route is on it
_SAME_END_M = 15.0


@dataclass(frozen=True)
class LaneChanges:
    """For a driver on path p whose route is path r; k counts every `KNOT_M` along p.

    `target`: the path to change to on the left and on the right, -1: none. `to_cross`: how many lanes
    r is away, positive to the left. `parts_s_m`: where on p the last chance to get to r is; inf: the
    two end side by side. `ends_s_m`: where a driver has to stop because p ends; inf: it may leave
    there. `alternative`: the paths that agent n may come to be on; `of_ego`: those of the ego.
    """

    target: Int[Tensor, "m p r 2 k"] = shared()
    to_cross: Int[Tensor, "m p r k"] = shared()
    parts_s_m: Float[Tensor, "m p r"] = shared()
    ends_s_m: Float[Tensor, "m p r"] = shared()
    lane: Int[Tensor, "m p k"] = shared()  # index of the map's lane; -1: none
    alternative: Bool[Tensor, "m n p"] = shared()
    of_ego: Int[Tensor, "m a"] = shared()  # -1: padding
    start_path: Int[Tensor, "m n"] = shared()  # -1: no path
    start_s_m: Float[Tensor, "m n"] = shared()
    start_offset_m: Float[Tensor, "m n"] = shared()  # to the left of it
    styled: Bool[Tensor, " m"] = shared()  # in the others everybody keeps to its route

    @staticmethod
    def of(
        scenarios: list[Scenario], pools: list[tuple[list[Route], np.ndarray]]
    ) -> "LaneChanges | None":
        """None where no scenario has styles. `pools`: of `pool_routes`."""
        if all(scenario.styles is None for scenario in scenarios):
            return None
        found = [
            _of_scenario(scenario, routes, owner)
            for scenario, (routes, owner) in zip(scenarios, pools, strict=True)
        ]
        for tables in found:
            tables["of_ego"] = np.flatnonzero(tables["alternative"][EGO])
        fill = {"target": -1, "parts_s_m": np.inf, "ends_s_m": np.inf, "lane": -1, "start_path": -1}
        fill["of_ego"] = -1
        stacked = {
            name: trees.stack_padded([one[name] for one in found], fill.get(name, 0))
            for name in found[0]
        }
        return LaneChanges(
            **stacked, styled=torch.tensor([s.styles is not None for s in scenarios])
        )


def with_lanes_beside(scenario: Scenario, routes: list[Route]) -> list[Route]:
    """The routes, and one along each lane beside them on which there is none yet."""
    lanes, routes = scenario.map.lanes, list(routes)
    covered = {k for route in routes for k in route.lanes}
    to_visit = sorted(covered)
    while to_visit:
        lane = lanes[to_visit.pop()]
        for k in (lane.left_neighbor, lane.right_neighbor):
            if k >= 0 and k not in covered:
                routes.append(_along(lanes, k))
                covered.update(routes[-1].lanes)
                to_visit += routes[-1].lanes
    return routes


def _along(lanes: list[Lane], first: int) -> Route:
    """Along a lane and the first successor of each."""
    chain = [first]
    while lanes[chain[-1]].successors and lanes[chain[-1]].successors[0] not in chain:
        chain.append(lanes[chain[-1]].successors[0])
    line = np.concatenate([lanes[k].centerline_m for k in chain]).astype(np.float64)
    owner = np.concatenate([np.full(len(lanes[k].centerline_m), k) for k in chain])
    keep = np.append(True, np.linalg.norm(np.diff(line, axis=0), axis=1) > 1e-3)
    line, owner = line[keep], owner[keep]
    s = polyline.arc_length_m(line)
    targets = np.arange(0.0, s[-1], 1.0)
    of_point = owner[np.searchsorted(s, targets, side="right") - 1]
    return Route(tuple(chain), polyline.at(line, targets).astype(np.float32), of_point)


def _of_scenario(
    scenario: Scenario, routes: list[Route], owner: np.ndarray
) -> dict[str, np.ndarray]:
    """The tables of one scenario; `owner`: the route of each agent, -1: none."""
    count, agents = len(routes), len(owner)
    length = np.array([len(route.path_m) for route in routes])
    knots = int((length.max() + KNOT_M - 1) // KNOT_M) + 1
    lane = np.full((count, knots), -1, dtype=np.int64)
    for p, route in enumerate(routes):
        cut = route.lane_of_point[::KNOT_M]
        lane[p, : len(cut)] = cut
    tables = {
        "target": np.full((count, count, 2, knots), -1, dtype=np.int16),
        "to_cross": np.zeros((count, count, knots), dtype=np.int8),
        "parts_s_m": np.full((count, count), np.inf, dtype=np.float32),
        "ends_s_m": np.full((count, count), np.inf, dtype=np.float32),
        "lane": lane,
        "alternative": np.zeros((agents, count), dtype=bool),
        "start_path": owner.astype(np.int64),
        "start_s_m": np.zeros(agents, dtype=np.float32),
        "start_offset_m": np.zeros(agents, dtype=np.float32),
    }
    drivers = np.flatnonzero(owner >= 0)
    tables["alternative"][drivers, owner[drivers]] = True
    if scenario.styles is None:
        return tables
    row, place = lane_rows(scenario.map.lanes)
    _relate_to_routes(routes, lane, row, place, tables)
    beside, s_beside = _beside(scenario.map.lanes, routes, lane)
    if beside.any():
        plain = [len({int(row[k]) for k in route.lanes}) == len(route.lanes) for route in routes]
        _choose_targets(beside, s_beside, np.array(plain), tables)
    _place_at_start(scenario, routes, owner, tables)
    _list_alternatives(drivers, owner, tables)
    return tables


def lane_rows(lanes: list[Lane]) -> tuple[np.ndarray, np.ndarray]:
    """For each lane its row (the number of its leftmost lane) and its place there, from the left.

    One entry more than lanes, so that index -1 (no lane) has row -1.
    """
    row, place = np.zeros(len(lanes) + 1, dtype=np.int64), np.zeros(len(lanes) + 1, dtype=np.int64)
    for k in range(len(lanes)):
        at, steps = k, 0
        while lanes[at].left_neighbor >= 0 and steps < len(lanes):
            at, steps = lanes[at].left_neighbor, steps + 1
        row[k], place[k] = at, steps
    row[-1] = -1  # where there is no lane
    return row, place


def _relate_to_routes(
    routes: list[Route], lane: np.ndarray, row: np.ndarray, place: np.ndarray, tables: dict
) -> None:
    """Write `to_cross`, `parts_s_m` and `ends_s_m` of every path and route."""
    for r, route in enumerate(routes):
        place_in_row = {int(row[k]): int(place[k]) for k in route.lanes}
        known = np.array([place_in_row.get(int(k), -1) for k in row])
        known[-1] = -1
        mine = known[lane]  # of the route, in the row of each knot of each path
        tables["to_cross"][:, r] = np.where(mine >= 0, place[lane] - mine, 0)
        for p, path in enumerate(routes):
            if p == r:
                continue
            shared_knots = np.flatnonzero(mine[p] >= 0)
            last = len(path.path_m) - 1
            if len(shared_knots) == 0:
                tables["parts_s_m"][p, r] = -1.0
            elif min((shared_knots[-1] + 1) * KNOT_M, last) < last - KNOT_M:
                tables["parts_s_m"][p, r] = shared_knots[-1] * KNOT_M
            else:
                gap = ((route.path_m - path.path_m[-1]) ** 2).sum(axis=1)
                if len(route.path_m) - 1 - int(gap.argmin()) > _SAME_END_M:
                    tables["parts_s_m"][p, r] = tables["ends_s_m"][p, r] = last


def _beside(
    lanes: list[Lane], routes: list[Route], lane: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Whether path q lies beside p on the left or the right `[p q 2 k]`, and where on q `[p q k]`."""
    count, knots = lane.shape
    beside = np.zeros((count, count, 2, knots), dtype=bool)
    s_beside = np.zeros((count, count, knots), dtype=np.float32)
    left = np.array([one.left_neighbor for one in lanes] + [-1])[lane]
    right = np.array([one.right_neighbor for one in lanes] + [-1])[lane]
    lines = [route.path_m.astype(np.float64) for route in routes]
    yaws = [polyline.headings_rad(line) for line in lines]
    on = [set(route.lanes) for route in routes]
    for p in range(count):
        wanted = (set(left[p].tolist()) | set(right[p].tolist())) - {-1}
        at = np.arange(0, len(lines[p]), KNOT_M)
        for q in range(count):
            if p == q or not wanted & on[q]:
                continue
            dx, dy = (lines[q][:, k] - lines[p][at, k, None] for k in (0, 1))
            near = (dx**2 + dy**2).argmin(axis=1)
            yaw, there = yaws[p][at], (np.arange(len(at)), near)
            offset = dx[there] * -np.sin(yaw) + dy[there] * np.cos(yaw)
            fits = np.cos(yaws[q][near] - yaw) > _PARALLEL
            fits &= (np.abs(offset) > _BESIDE_M[0]) & (np.abs(offset) < _BESIDE_M[1])
            of_q = routes[q].lane_of_point[near]
            cut = slice(0, len(at))
            beside[p, q, LEFT, cut] = fits & (of_q >= 0) & (of_q == left[p, cut]) & (offset > 0)
            beside[p, q, RIGHT, cut] = fits & (of_q >= 0) & (of_q == right[p, cut]) & (offset < 0)
            s_beside[p, q, cut] = near
    return beside, s_beside


def _choose_targets(
    beside: np.ndarray, s_beside: np.ndarray, plain: np.ndarray, tables: dict
) -> None:
    """Write `target`: towards the route wherever lanes lie side by side; away from it only for long.

    Paths that change lanes themselves (not `plain`) are only for those whose routes they are.
    """
    count, knots = s_beside.shape[1:]
    stays = beside.copy()
    stays[..., : knots - _AHEAD_KNOTS] &= beside[..., _AHEAD_KNOTS:]
    stays[..., knots - _AHEAD_KNOTS :] = False
    for r in range(count):
        left_over = np.minimum(tables["parts_s_m"][:, r], 1e4)[None, :, None] - s_beside
        left_over[:, r] += 1e5
        for side, sign in ((LEFT, 1), (RIGHT, -1)):
            towards = tables["to_cross"][:, r] * sign > 0
            allowed = beside[:, :, side] & towards[:, None] & (left_over > KNOT_M)
            allowed |= stays[:, :, side] & (left_over > KEEP_ROUTE_M)
            allowed &= (plain | (np.arange(count) == r))[None, :, None]
            score = np.where(allowed, left_over, -np.inf)
            best = score.argmax(axis=1)
            tables["target"][:, r, side] = np.where(allowed.any(axis=1), best, -1)


def _place_at_start(
    scenario: Scenario, routes: list[Route], owner: np.ndarray, tables: dict
) -> None:
    """Write on which path each driver is at the start: its own, or the nearest in its direction."""
    position, yaw = scenario.tracks.position_m[:, 0, :2], scenario.tracks.yaw_rad[:, 0]
    for n in np.flatnonzero((owner >= 0) & scenario.tracks.valid[:, 0]):
        own = routes[owner[n]]
        s, offset = polyline.project(own.path_m.astype(np.float64), position[n : n + 1])
        best, best_s, best_offset = int(owner[n]), s[0], offset[0]
        if abs(offset[0]) > _OWN_M:
            ranked = []
            for p, route in enumerate(routes):
                s, offset = polyline.project(route.path_m.astype(np.float64), position[n : n + 1])
                heading = polyline.headings_rad(route.path_m.astype(np.float64))[int(s[0])]
                if np.cos(heading - yaw[n]) > _ALIGNED:
                    in_common = len(set(route.lanes) & set(own.lanes))
                    ranked.append((round(abs(offset[0])), -in_common, p, s[0], offset[0]))
            if ranked:
                _, _, best, best_s, best_offset = min(ranked)
        tables["start_path"][n] = best
        tables["start_s_m"][n] = best_s
        tables["start_offset_m"][n] = best_offset


def _list_alternatives(drivers: np.ndarray, owner: np.ndarray, tables: dict) -> None:
    """Write `alternative`: what can be reached by changes from the start, or from the own route."""
    for n in drivers:
        r = owner[n]
        reached = tables["alternative"][n]
        reached[tables["start_path"][n]] = True
        while True:
            beyond = np.unique(tables["target"][reached, r])
            beyond = beyond[beyond >= 0]
            if reached[beyond].all():
                break
            reached[beyond] = True
