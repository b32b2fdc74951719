"""`Draft`: a generated scenario before it is recorded, its ego at the origin."""

from dataclasses import dataclass, replace

import numpy as np

from sim.scenario import EGO, LaneMap, Lights, MapArea, Route, Scenario, StaticObstacle, StopLine


@dataclass(frozen=True)
class Draft:
    """A place and its traffic at the start; drivers stand still in the tracks until recorded.

    `ego_drives`: the route of the recorded ego; that of the scenario, but where it has to leave it.
    """

    scenario: Scenario
    ego_drives: Route

    @property
    def to_record(self) -> Scenario:
        """The scenario with the route that the ego drives."""
        return replace(self.scenario, routes=[self.ego_drives, *self.scenario.routes[EGO + 1 :]])


def recentered(scenario: Scenario, ego_drives: Route | None) -> Draft:
    """Everything moved so that the ego starts at the origin; `ego_drives` None: its own route."""
    shift = np.append(scenario.tracks.position_m[EGO, 0, :2], 0.0).astype(np.float64)
    flat = shift[:2].astype(np.float32)

    def moved(points: np.ndarray) -> np.ndarray:
        return points - flat

    routes: dict[int, Route] = {}  # one object per distinct route: agents share them
    for route in (*scenario.routes, ego_drives):
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
    goal, cues = scenario.goal_line_m, scenario.cues
    at_origin = replace(
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
        goal_line_m=None if goal is None else moved(goal.astype(np.float32)),
        cues=cues and replace(cues, place_m=moved(cues.place_m)),
    )
    own = scenario.routes[EGO] if ego_drives is None else ego_drives
    assert own is not None
    return Draft(at_origin, routes[id(own)])
