"""What every scenario must fulfil, whatever its source; errors name the field, the agent, the time.

Whatever passes can be driven, scored and shown: shapes, types, ranges and sizes that a world relies
on are asked about here, and nowhere else.
"""

from typing import Any

import numpy as np

from sim.errors import InputError
from sim.scenario import EGO, LaneMap, Lights, LightState, Route, Scenario, Tracks
from sim.scenario_check.lane_map import check_map
from sim.scenario_check.tracks import check_tracks, require_lights
from sim.scenario_check.values import (
    FARTHEST_M,
    require_array,
    require_bounded,
    require_indices,
    require_line,
    require_number,
    require_text,
    require_type,
)

_SHORTEST_STEP_S, _LONGEST_STEP_S = 0.01, 1.0
_FARTHEST_OFFSET_M = 1e9  # float64 is exact to a thousandth of a millimetre there
_ROUTE_STEP_M = (0.05, 3.0)  # points lie a metre apart; smoothed, in a bend, a little less or more
_LARGEST_KM2, _AROUND_M = 4.0, 180.0
_MOST_RELATED = 200_000_000


def require_valid(scenario: Scenario) -> None:
    """Raise InputError for the first thing that is wrong."""
    for name in ("scenario_id", "source", "family", "location"):
        require_text(name, getattr(scenario, name), empty=name == "location")
    require_number("dt_s", scenario.dt_s, 0.0, _LONGEST_STEP_S)
    if scenario.dt_s < _SHORTEST_STEP_S:
        raise InputError(f"dt_s: {scenario.dt_s:.3g} s is less than {_SHORTEST_STEP_S} s")
    require_array("world_offset_m", scenario.world_offset_m, (3,), "f")
    require_bounded("world_offset_m", scenario.world_offset_m, _FARTHEST_OFFSET_M)
    require_type("notes", scenario.notes, list)
    for note in scenario.notes:
        require_type("notes", note, str)
    for name, kind in (("tracks", Tracks), ("map", LaneMap), ("lights", Lights)):
        require_type(name, getattr(scenario, name), kind)
    check_tracks(scenario.tracks, scenario.dt_s)
    instants = scenario.num_instants
    _check_lights(scenario.lights, instants)
    require_array("keyframe", scenario.keyframe, (instants,), "b")
    check_map(scenario.map, scenario.lights.state.shape[0])
    _check_routes(scenario)
    _check_extent(scenario)


def _check_lights(lights: Lights, instants: int) -> None:
    require_array("lights.state", lights.state, (None, instants), "i")
    require_lights(len(lights.state), instants)
    states = [int(state) for state in LightState]
    odd = ~np.isin(lights.state, states)
    if odd.any():
        k, t = np.argwhere(odd)[0]
        raise InputError(
            f"lights.state: light {k}, step {t}: {lights.state[k, t]} is no LightState"
        )
    require_array("lights.position_m", lights.position_m, (len(lights.state), 2), "f")
    require_bounded("lights.position_m", lights.position_m, FARTHEST_M, lambda k, _: f"light {k}")


def _check_routes(scenario: Scenario) -> None:
    require_type("routes", scenario.routes, list)
    if len(scenario.routes) != scenario.num_agents:
        raise InputError(f"routes: {len(scenario.routes)} for {scenario.num_agents} agents")
    if scenario.routes[EGO] is None:
        raise InputError("routes[0]: the ego needs a route")
    checked: set[int] = set()
    for n, route in enumerate(scenario.routes):
        if route is None or id(route) in checked:
            continue
        checked.add(id(route))
        _check_route(f"routes[{n}] (agent {scenario.tracks.track_id[n]})", route, scenario.map)


def _check_route(where: str, route: Any, lane_map: LaneMap) -> None:
    require_type(where, route, Route)
    require_line(f"{where}.path_m", route.path_m, 1.0)
    step_m = np.linalg.norm(np.diff(route.path_m.astype(np.float64), axis=0), axis=1)
    odd = (step_m < _ROUTE_STEP_M[0]) | (step_m > _ROUTE_STEP_M[1])
    if odd.any():
        k = int(odd.argmax())
        raise InputError(
            f"{where}.path_m: points {k} and {k + 1} lie {step_m[k]:.3g} m apart, not one metre"
        )
    lanes = len(lane_map.lanes)
    require_array(f"{where}.lane_of_point", route.lane_of_point, (len(route.path_m),), "i")
    require_indices(f"{where}.lane_of_point", route.lane_of_point, lanes, none_allowed=True)
    require_indices(f"{where}.lanes", route.lanes, lanes)


def _check_extent(scenario: Scenario) -> None:
    """The map becomes rasters around the ego's recording; every two routes are related."""
    tracks = scenario.tracks
    driven = tracks.position_m[EGO, tracks.valid[EGO], :2].astype(np.float64)
    size_m = driven.max(axis=0) - driven.min(axis=0) + 2 * _AROUND_M
    if size_m.prod() > _LARGEST_KM2 * 1e6:
        raise InputError(
            f"tracks.position_m: the ego, agent {tracks.track_id[EGO]}, gets about in "
            f"{size_m[0] - 2 * _AROUND_M:.0f} m x {size_m[1] - 2 * _AROUND_M:.0f} m; with what is "
            f"around, more than {_LARGEST_KM2:g} km2"
        )
    routes = {id(route): len(route.path_m) for route in scenario.routes if route is not None}
    if len(routes) ** 2 * max(routes.values()) > _MOST_RELATED:
        raise InputError(
            f"routes: {len(routes)} of up to {max(routes.values())} points are too many"
        )
