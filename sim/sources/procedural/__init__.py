"""Generated scenarios: a seeded place, its traffic at the start, and what the traffic then did."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sim.errors import one_of
from sim.scenario import Scenario, Styles
from sim.sources.procedural import interactive, junctions, roads
from sim.sources.procedural.clutter import place_clutter
from sim.sources.procedural.crowd import Crowd
from sim.sources.procedural.draft import Draft, recentered
from sim.sources.procedural.ids import GeneratedId
from sim.sources.procedural.layout import Layout
from sim.sources.procedural.lights import make_lights
from sim.sources.procedural.spawn import populate
from sim.styles import Spread, draw_styles, with_style

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
FAMILIES: tuple[str, ...] = tuple(_LAYOUTS)  # those that are meant where none is named
INTERACTIVE_FAMILIES: tuple[str, ...] = tuple(interactive.LAYOUTS)
INTERACTIVE_S = 20.0  # how long these last in the benchmarks
ALL_FAMILIES = FAMILIES + INTERACTIVE_FAMILIES


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
    return make_draft(family, seed, duration_s, dt_s, max_agents, scenario_id).scenario


def make_draft(
    family: str,
    seed: int,
    duration_s: float = 15.0,
    dt_s: float = 0.1,
    max_agents: int = 32,
    scenario_id: str | None = None,
) -> Draft:
    """As `draft`, with the route that the ego drives in the recording."""
    one_of("family", family, ALL_FAMILIES)
    rng = np.random.default_rng(seed)
    instants = round(duration_s / dt_s) + 1
    while True:
        layout = (_LAYOUTS | interactive.LAYOUTS)[family](rng)
        lights = make_lights(layout, rng, instants, dt_s)
        crowd = populate(layout, lights, rng, instants, dt_s, max_agents)
        if crowd is not None:
            break
    lane_map = replace(layout.map.build(), obstacles=place_clutter(layout, rng))
    scenario = Scenario(
        scenario_id=scenario_id or f"{family}-{seed}",
        source="procedural",
        family=family,
        location="generated",
        dt_s=dt_s,
        world_offset_m=np.zeros(3),
        tracks=crowd.tracks(),
        map=lane_map,
        lights=lights,
        routes=crowd.route,
        keyframe=np.ones(instants, dtype=bool),
        goal_line_m=layout.goal_line_m,
        time_limit_s=layout.time_limit_s and min(layout.time_limit_s, duration_s),
        cues=crowd.cues(),
        styles=_styles(crowd, seed, layout.spread),
    )
    return recentered(scenario, layout.ego_drives)


def _styles(crowd: Crowd, seed: int, spread: Spread) -> Styles:
    """Drawn, but for what is special about those who have a part to play."""
    rng = np.random.default_rng((seed, _STYLES))
    styles = draw_styles(rng, np.array(crowd.kind), spread)
    for n, special in enumerate(crowd.style):
        if special:
            styles = with_style(styles, n, **special)
    return styles


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


def numbered_draft(which: GeneratedId, duration_s: float) -> Draft:
    """One of an endless, reproducible list; InputError for an unknown family."""
    return make_draft(which.family, which.random_seed, duration_s, scenario_id=str(which))
