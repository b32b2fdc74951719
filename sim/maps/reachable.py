"""Where the rules of the road let the ego go from its start: lanes, their successors, neighbours."""

import numpy as np

from sim.geometry import polyline
from sim.scenario import EGO, Scenario


def reachable_lanes(scenario: Scenario) -> list[int]:
    """Lanes that the ego can get to, ascending; its route's lanes are always among them."""
    route = scenario.routes[EGO]
    lanes = scenario.map.lanes
    if route is None:
        return []
    start = polyline.project(route.path_m, scenario.tracks.position_m[EGO, :1, :2])[0][0]
    ahead = route.lane_of_point[int(start) :]
    found = set(ahead[ahead >= 0].tolist())
    open_ends = list(found)
    while open_ends:
        lane = lanes[open_ends.pop()]
        for k in (*lane.successors, lane.left_neighbor, lane.right_neighbor):
            if k >= 0 and k not in found:
                found.add(k)
                open_ends.append(k)
    return sorted(found)


def reachable_points(scenario: Scenario, spacing_m: float = 1.0) -> np.ndarray:
    """Points `[K, 3]` on their centrelines and on the route: x, y, and 1 where it is on the route."""
    route = scenario.routes[EGO]
    if route is None:
        return np.zeros((0, 3), dtype=np.float32)
    lanes = scenario.map.lanes
    lines = [(lanes[k].centerline_m, k in route.lanes) for k in reachable_lanes(scenario)]
    lines.append((route.path_m, True))
    parts = []
    for line, on_route in lines:
        points = polyline.resample(line, spacing_m)
        parts.append(np.column_stack((points, np.full(len(points), float(on_route)))))
    return np.concatenate(parts).astype(np.float32)
