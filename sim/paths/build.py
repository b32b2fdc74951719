"""`Paths` from scenarios: routes pooled and padded, speeds along them, stop lines, places of entry."""

import numpy as np
import torch

from sim.errors import InputError
from sim.geometry import polyline
from sim.paths.lane_changes import LaneChanges, with_lanes_beside
from sim.paths.paths import COARSE_M, Paths
from sim.scenario import EGO, Route, Scenario, StopKind

LATERAL_ACCELERATION_MPS2 = 2.0  # sets the speed in curves
SLOWING_MPS2 = 1.2  # deceleration planned before a curve or a lower limit
_STOP_LINE_REACH_M = 4.0


def build_paths(scenarios: list[Scenario]) -> Paths:
    """Pool and pad the routes of some scenarios; raises `InputError` where the ego has none."""
    pools = [pool_routes(scenario) for scenario in scenarios]
    num_paths = max(len(routes) for routes, _ in pools)
    num_points = max(len(route.path_m) for routes, _ in pools for route in routes) + 1
    num_stops = 1 + max(len(s.map.stop_lines) for s in scenarios)
    num_agents = max(s.num_agents for s in scenarios)
    num_instants = max(s.num_instants for s in scenarios)
    worlds = len(scenarios)
    frame = np.zeros((worlds, num_paths, num_points, 5), dtype=np.float32)
    count = np.ones((worlds, num_paths), dtype=np.int64)
    limit = np.ones((worlds, num_paths, num_points), dtype=np.float32)
    cruise = np.ones((worlds, num_paths, num_points), dtype=np.float32)
    stop_s = np.full((worlds, num_paths, num_stops), np.inf, dtype=np.float32)
    stop_light = np.full((worlds, num_paths, num_stops), -1, dtype=np.int64)
    stop_is_sign = np.zeros((worlds, num_paths, num_stops), dtype=bool)
    agent_path = np.full((worlds, num_agents), -1, dtype=np.int64)
    entry_s = np.zeros((worlds, num_agents, num_instants), dtype=np.float32)
    for w, (scenario, (routes, owner)) in enumerate(zip(scenarios, pools, strict=True)):
        agent_path[w, : scenario.num_agents] = owner
        for p, route in enumerate(routes):
            count[w, p] = len(route.path_m)
            frame[w, p] = _frames(route.path_m, num_points)
            limit[w, p], cruise[w, p] = _speeds(scenario, route, frame[w, p])
            _place_stops(scenario, route, stop_s[w, p], stop_light[w, p], stop_is_sign[w, p])
        for n in np.flatnonzero(owner >= 0).tolist():
            entry_s[w, n, : scenario.num_instants] = _entry_s(scenario, n, routes[owner[n]])
    return Paths(
        row=torch.arange(worlds),
        frame=torch.from_numpy(frame),
        coarse=torch.from_numpy(frame[:, :, ::COARSE_M, :4].swapaxes(2, 3).copy()),
        num_points=torch.from_numpy(count),
        speed_limit_mps=torch.from_numpy(limit),
        cruise_mps=torch.from_numpy(cruise),
        stop_s_m=torch.from_numpy(stop_s),
        stop_light=torch.from_numpy(stop_light),
        stop_is_sign=torch.from_numpy(stop_is_sign),
        path_of_agent=torch.from_numpy(agent_path),
        entry_s_m=torch.from_numpy(entry_s),
        lane_changes=LaneChanges.of(scenarios, pools),
    )


def pool_routes(scenario: Scenario) -> tuple[list[Route], np.ndarray]:
    """The distinct routes of a scenario and each agent's index into them (-1: none).

    Where drivers change lanes, also a route along each lane beside them on which nobody means to go.
    """
    if scenario.routes[EGO] is None:
        raise InputError(f"{scenario.scenario_id}: routes[0]: the ego needs a route")
    routes: list[Route] = []
    place: dict[int, int] = {}
    owner = np.full(scenario.num_agents, -1)
    for n, route in enumerate(scenario.routes):
        if route is None:
            continue
        if id(route) not in place:
            place[id(route)] = len(routes)
            routes.append(route)
        owner[n] = place[id(route)]
    if scenario.styles is not None:
        routes = with_lanes_beside(scenario, routes)
    return routes, owner


def _frames(path_m: np.ndarray, num_points: int) -> np.ndarray:
    """x, y, cos, sin, curvature of each point; after the end straight on, to `num_points`."""
    last = path_m[-1] - path_m[-2]
    last = last / np.linalg.norm(last)
    more = np.arange(1, num_points - len(path_m) + 1)
    points = np.concatenate((path_m, path_m[-1] + more[:, None] * last))
    yaw = np.unwrap(polyline.headings_rad(points))
    curvature = np.gradient(yaw)
    return np.column_stack((points, np.cos(yaw), np.sin(yaw), curvature)).astype(np.float32)


def _speeds(scenario: Scenario, route: Route, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Legal limit and cruising speed at each point of the padded path."""
    lanes = scenario.map.lanes
    legal = np.array([lane.speed_limit_mps for lane in lanes] + [13.4])[route.lane_of_point]
    limit = np.full(len(frame), legal[-1])
    limit[: len(legal)] = legal
    # Curvature over the length of a car: a kink of one metre is not a curve.
    curvature = np.abs(np.convolve(frame[:, 4], np.ones(5) / 5, mode="same"))
    cruise = np.minimum(limit, np.sqrt(LATERAL_ACCELERATION_MPS2 / np.maximum(curvature, 1e-4)))
    cruise = np.maximum(cruise, 1.5)
    energy = cruise**2
    # v_k^2 <= v_m^2 + 2 b (m - k) for all m >= k: a running minimum from the far end.
    ramp = 2.0 * SLOWING_MPS2 * np.arange(len(energy))
    energy = np.minimum.accumulate((energy + ramp)[::-1])[::-1] - ramp
    return limit, np.sqrt(np.maximum(energy, 1.0))


def _place_stops(
    scenario: Scenario, route: Route, s_m: np.ndarray, light: np.ndarray, is_sign: np.ndarray
) -> None:
    """Write where this path crosses the stop lines of its lanes."""
    for k, stop in enumerate(scenario.map.stop_lines):
        if not set(stop.lanes) & set(route.lanes):
            continue
        gap = np.linalg.norm(route.path_m - stop.line_m.mean(axis=0), axis=1)
        nearest = int(gap.argmin())
        if gap[nearest] < _STOP_LINE_REACH_M:
            tangent = route.path_m[min(nearest + 1, len(gap) - 1)] - route.path_m[nearest - 1]
            tangent = tangent / np.linalg.norm(tangent)
            rest = (stop.line_m.mean(axis=0) - route.path_m[nearest]) @ tangent
            s_m[k], light[k] = nearest + rest, stop.light
            is_sign[k] = stop.kind == StopKind.STOP_SIGN


def _entry_s(scenario: Scenario, agent: int, route: Route) -> np.ndarray:
    """Where on its path the agent may enter: its recorded places projected (0 where invalid)."""
    tracks = scenario.tracks
    entry = np.flatnonzero(tracks.valid[agent])
    if tracks.valid[agent, 0]:
        entry = entry[:1]  # on the road from the start: nothing later is asked for
    s = np.zeros(scenario.num_instants)
    if entry.size:
        s[entry] = polyline.project(route.path_m, tracks.position_m[agent, entry, :2])[0]
    return s
