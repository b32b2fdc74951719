"""Generated scenarios: a seeded place, its traffic at the start, and what the traffic then did."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sim.errors import one_of
from sim.scenario import EGO, LaneMap, Lights, MapArea, Route, Scenario, StaticObstacle, StopLine
from sim.sources.procedural import junctions, roads
from sim.sources.procedural.clutter import place_clutter
from sim.sources.procedural.ids import GeneratedId
from sim.sources.procedural.layout import Layout
from sim.sources.procedural.lights import make_lights
from sim.sources.procedural.spawn import populate
from sim.styles import draw_styles

_LAYOUTS: dict[str, Callable[[np.random.Generator], Layout]] = {
    "straight": roads.straight,
    "curve": roads.curve,
    "signalized_junction": junctions.signalized_junction,
    "unsignalized_junction": junctions.unsignalized_junction,
    "left_turn": junctions.left_turn,
    "t_junction": junctions.t_junction,
    "roundabout": junctions.roundabout,
    "merge": roads.merge,
    "lane_closure": roads.lane_closure,
    "narrow_street": roads.narrow_street,
    "crosswalk": roads.crosswalk,
    "jam": roads.jam,
}
_STYLES = 1  # a stream of random numbers of its own: the place does not depend on the styles
FAMILIES: tuple[str, ...] = tuple(_LAYOUTS)


def draft(
    family: str,
    seed: int,
    duration_s: float = 15.0,
    dt_s: float = 0.1,
    max_agents: int = 32,
    scenario_id: str | None = None,
) -> Scenario:
    """A place and its traffic at the start; drivers stand still in the tracks until recorded.

    Raises InputError with the choices for an unknown family.
    """
    one_of("family", family, FAMILIES)
    rng = np.random.default_rng(seed)
    layout = _LAYOUTS[family](rng)
    instants = round(duration_s / dt_s) + 1
    lights = make_lights(layout, rng, instants, dt_s)
    tracks, routes = populate(layout, lights, rng, instants, dt_s, max_agents)
    lane_map = replace(layout.map.build(), obstacles=place_clutter(layout, rng))
    scenario = Scenario(
        scenario_id=scenario_id or f"{family}-{seed}",
        source="procedural",
        family=family,
        location="generated",
        dt_s=dt_s,
        world_offset_m=np.zeros(3),
        tracks=tracks,
        map=lane_map,
        lights=lights,
        routes=routes,
        keyframe=np.ones(instants, dtype=bool),
        styles=draw_styles(np.random.default_rng((seed, _STYLES)), tracks.kind, layout.spread),
    )
    return _recentered(scenario)


def generate(
    families: list[str],
    count: int,
    split: str = "train",
    seed: int = 0,
    first: int = 0,
    duration_s: float = 15.0,
) -> list[Scenario]:
    """`count` recorded scenarios, from number `first` on; families take turns."""
    from sim.sources.procedural.record import record

    ids = [
        GeneratedId(families[k % len(families)], split, seed, k)
        for k in range(first, first + count)
    ]
    return record([numbered_draft(which, duration_s) for which in ids])


def numbered_draft(which: GeneratedId, duration_s: float) -> Scenario:
    """One of an endless, reproducible list; InputError for an unknown family."""
    return draft(which.family, which.random_seed, duration_s, scenario_id=str(which))


def _recentered(scenario: Scenario) -> Scenario:
    """Everything moved so that the ego starts at the origin."""
    shift = np.append(scenario.tracks.position_m[EGO, 0, :2], 0.0).astype(np.float64)
    flat = shift[:2].astype(np.float32)

    def moved(points: np.ndarray) -> np.ndarray:
        return points - flat

    routes: dict[int, Route] = {}  # one object per distinct route: agents share them
    for route in scenario.routes:
        if route is not None and id(route) not in routes:
            routes[id(route)] = replace(route, path_m=moved(route.path_m))
    old = scenario.map
    lanes = [
        replace(
            lane,
            centerline_m=moved(lane.centerline_m),
            left_boundary_m=moved(lane.left_boundary_m),
            right_boundary_m=moved(lane.right_boundary_m),
            polygon_m=moved(lane.polygon_m),
        )
        for lane in old.lanes
    ]
    return replace(
        scenario,
        world_offset_m=shift,
        tracks=replace(
            scenario.tracks, position_m=scenario.tracks.position_m - shift.astype(np.float32)
        ),
        map=LaneMap(
            lanes=lanes,
            areas=[
                MapArea(a.kind, moved(a.exterior_m), tuple(map(moved, a.holes_m)))
                for a in old.areas
            ],
            stop_lines=[
                StopLine(moved(s.line_m), s.kind, s.lanes, s.light) for s in old.stop_lines
            ],
            obstacles=[
                StaticObstacle(o.kind, moved(o.footprint_m), o.height_m, o.radius_m)
                for o in old.obstacles
            ],
        ),
        lights=Lights(scenario.lights.state, moved(scenario.lights.position_m)),
        routes=[None if r is None else routes[id(r)] for r in scenario.routes],
    )
