"""From what was written to the scenario: checked, put together, and driven by the traffic."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim.geometry import polyline
from sim.scenario import EGO, Route, Scenario, Styles, Tracks
from sim.scenario_check import require_valid
from sim.sources.by_hand.checks import (
    require_apart,
    require_fits,
    require_path_free,
    require_way_free,
    require_wide,
)
from sim.sources.by_hand.people import Driver, Mover
from sim.sources.by_hand.roads import RoadBuilder
from sim.sources.by_hand.routes import chain_of, first_leg, path_of
from sim.sources.by_hand.signals import lights_of
from sim.sources.procedural.crowd import Crowd, overlap, standing
from sim.sources.procedural.draft import recentered
from sim.styles import uniform_styles, with_style

Array = np.ndarray
LEAST_LEFT_M = 20.0  # of the ego's route, where its recording ends


@dataclass(frozen=True)
class Goal:
    """The line `[2, 2]` that the ego has to cross, its left end first, and by when."""

    line_m: Array
    time_limit_s: float


def assemble(
    roads: RoadBuilder,
    name: str,
    time_s: Array,
    drivers: Sequence[Driver],
    movers: Sequence[Mover],
    goal: Goal | None,
) -> Scenario:
    """The recorded scenario; `drivers`: the ego first. Raises InputError for what cannot be.

    Its notes say what may not have been meant: who touches whom, and an ego that runs out of road.
    """
    from sim.sources.procedural.record import record

    crowd, present = _gather(roads, len(time_s), drivers, movers)
    names = [one.name for one in (*drivers, *movers)]
    require_apart(names, np.stack(crowd.taken), present[:, 0])
    lane_map = roads.finished_map()
    draft = Scenario(
        scenario_id=name,
        source="by_hand",
        family="by_hand",
        location="by hand",
        dt_s=float(time_s[1] - time_s[0]),
        world_offset_m=np.zeros(3),
        tracks=_present(replace(crowd.tracks(), track_id=names), present),
        map=lane_map,
        lights=lights_of(roads.lights, lane_map.stop_lines, time_s),
        routes=crowd.route,
        keyframe=np.ones(len(time_s), dtype=bool),
        goal_line_m=None if goal is None else goal.line_m,
        time_limit_s=None if goal is None else goal.time_limit_s,
        styles=_styles(crowd),
    )
    (recorded,) = record([recentered(draft, None)])
    recorded = replace(recorded, notes=[*_touches(recorded), *_runs_out(recorded)])
    require_valid(recorded)
    return recorded


def _touches(scenario: Scenario) -> list[str]:
    """Who touches whom in the recording, and when first: a line for each pair."""
    tracks = scenario.tracks
    size = np.broadcast_to(tracks.size_m[:, None, :2], (*tracks.yaw_rad.shape, 2))
    box = np.concatenate((tracks.position_m[..., :2], tracks.yaw_rad[..., None], size), axis=-1)
    notes = []
    for a, b in itertools.combinations(range(len(box)), 2):
        met = overlap(box[a], box[b]) & tracks.valid[a] & tracks.valid[b]
        if met.any():
            when_s = scenario.dt_s * int(met.argmax())
            notes.append(f"{tracks.track_id[a]} and {tracks.track_id[b]} touch at {when_s:.1f} s")
    return notes


def _runs_out(scenario: Scenario) -> list[str]:
    """A line where the ego gets near to the end of its route: who is faster drives beyond the road."""
    route, tracks = scenario.routes[EGO], scenario.tracks
    assert route is not None
    last_m = tracks.position_m[EGO, tracks.valid[EGO], :2][-1:].astype(np.float64)
    s_m, _ = polyline.project(route.path_m.astype(np.float64), last_m)
    left_m = len(route.path_m) - 1 - float(s_m[0])
    if left_m > LEAST_LEFT_M:
        return []
    return [f"the ego's route ends {left_m:.0f} m from where its recording does: lead it farther"]


def _gather(
    roads: RoadBuilder, instants: int, drivers: Sequence[Driver], movers: Sequence[Mover]
) -> tuple[Crowd, Array]:
    """Everybody, and who is there when `[N, T]`. Drivers stand still in their tracks."""
    crowd = Crowd()
    shared: dict[tuple, Route] = {}  # one object per distinct route
    for driver in drivers:
        chain = chain_of(roads.map.lanes, driver)
        leg = first_leg(roads.map.lanes, chain)
        require_fits(roads.map, driver, leg)
        require_wide(roads.map, driver, chain)
        route = path_of(roads.map, driver, chain)
        route = shared.setdefault((route.lanes, driver.change), route)
        require_way_free(driver, route, roads.obstacles)
        start = roads.map.route(leg)
        track = standing(start, driver.at_m, driver.speed_mps, driver.size_m[0], instants)
        crowd.add(driver.category, driver.size_m, track, route, driver.style)
    for mover in movers:
        require_path_free(mover, roads.obstacles)
        crowd.add(mover.category, mover.size_m, mover.track, None, mover.style)
    always = np.ones((len(drivers), instants), dtype=bool)
    return crowd, np.concatenate((always, *(mover.valid[None] for mover in movers)))


def _present(tracks: Tracks, present: Array) -> Tracks:
    """Zeros where somebody is not there."""
    moving = present[..., None]
    return replace(
        tracks,
        position_m=np.where(moving, tracks.position_m, np.float32(0.0)),
        velocity_mps=np.where(moving, tracks.velocity_mps, np.float32(0.0)),
        yaw_rad=np.where(present, tracks.yaw_rad, np.float32(0.0)),
        valid=present,
    )


def _styles(crowd: Crowd) -> Styles:
    """All alike, without noise, but for what is said of somebody."""
    styles = uniform_styles(len(crowd.kind))
    for n, special in enumerate(crowd.style):
        if special:
            styles = with_style(styles, n, **special)
    return styles
