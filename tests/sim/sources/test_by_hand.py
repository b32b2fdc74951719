"""Scenarios written by hand: the map and the start by hand, what the traffic makes of them, sentences."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import shapely

from sim.errors import InputError
from sim.interface import Needs
from sim.maps.lane_table import LaneSpec
from sim.scenario import AreaKind, LaneKind, LightState, Scenario, StopKind, Yielding
from sim.scenario_file import digest
from sim.sensors.lidar_presets import HDL_32E
from sim.sensors.raster import RasterSpec
from sim.simulator import Simulator
from sim.sources.by_hand import DrawnLane, ScenarioBuilder
from sim.sources.by_hand.signals import lights_of
from sim.sources.finding import find
from sim.sources.loading import load_one
from sim.sources.query import SourceQuery


def _road(duration_s: float = 3.0) -> tuple[ScenarioBuilder, DrawnLane, DrawnLane]:
    """Two lanes of 200 m beside each other, the first the left one."""
    build = ScenarioBuilder("toy", duration_s)
    a = build.lane([(0, 0), (200, 0)], name="a", speed_limit_mps=12.0)
    b = build.lane([(0, -3.5), (200, -3.5)], name="b", speed_limit_mps=12.0)
    build.side_by_side(a, b)
    return build, a, b


def _track(scenario: Scenario, name: str) -> np.ndarray:
    """x, y in the builder's frame over time; where somebody is not there, NaN."""
    n = scenario.tracks.track_id.index(name)
    xy = scenario.tracks.position_m[n, :, :2] + scenario.world_offset_m[:2]
    return np.where(scenario.tracks.valid[n, :, None], xy, np.nan)


def test_the_map_by_hand() -> None:
    build, a, b = _road()
    c = build.lane([(200, 0), (300, 0)], width_m=3.0)
    build.connect(a, c)
    build.stop_sign(b, before_end_m=5.0)
    way = build.crosswalk(b, a, at_m=50.0, width_m=4.0)
    lane_map = build.finished_map()
    assert [lane.lane_id for lane in lane_map.lanes] == ["a", "b", "lane 3"]
    assert lane_map.lanes[0].successors == (2,)
    assert (lane_map.lanes[1].left_neighbor, lane_map.lanes[0].right_neighbor) == (0, 1)
    assert np.ptp(lane_map.lanes[2].polygon_m[:, 1]) == pytest.approx(3.0)
    (stop,) = lane_map.stop_lines
    assert (stop.kind, stop.lanes) == (StopKind.STOP_SIGN, (1,))
    assert stop.line_m == pytest.approx(np.array(((195, -5.25), (195, -1.75))), abs=1e-3)
    # 1.5 m beyond the edges at y = -5.25 and 1.75.
    assert way == pytest.approx(np.array(((50, -6.75), (50, 3.25))), abs=1e-3)
    area = {
        kind: sum(
            shapely.Polygon(one.exterior_m).area for one in lane_map.areas if one.kind == kind
        )
        for kind in (AreaKind.CROSSWALK, AreaKind.DRIVABLE)
    }
    assert area[AreaKind.CROSSWALK] == pytest.approx(4.0 * 10.0, rel=1e-3)
    # Both lanes with 0.6 m of shoulder on either side, and the third: 200 * 8.2 + 100 * 4.2, corners rounded.
    assert area[AreaKind.DRIVABLE] == pytest.approx(200 * 8.2 + 100 * 4.2, rel=0.01)


def test_the_phases_of_a_light() -> None:
    build, a, b = _road()
    build.light(b, green_s=50.0, red_s=5.0)
    build.light(a, green_s=4.0, yellow_s=3.0, red_s=5.0, offset_s=2.0)
    time_s = np.array([0.0, 1.9, 2.1, 4.9, 5.1, 9.9, 10.1, 11.9])
    lights = lights_of(build.lights, build.map.stop_lines, time_s)
    g, y, r = LightState.GREEN, LightState.YELLOW, LightState.RED
    assert lights.state[1].tolist() == [g, g, y, y, r, r, g, g]  # red from 5 s to 10 s
    assert (lights.state[0] == g).all()
    assert lights.position_m == pytest.approx(np.array(((199.0, -3.5), (199.0, 0.0))), abs=1e-3)


def test_a_red_light_stops_the_traffic() -> None:
    build, a, _ = _road(duration_s=6.0)
    build.light(a, green_s=1.0, red_s=60.0, offset_s=30.0, before_end_m=100.0)
    build.ego(a, at_m=60.0, speed_mps=10.0)
    x = _track(build.scenario(), "ego")[:, 0]
    assert 90.0 < x[-1] < 100.0 - 2.0  # its front is 2 m ahead of its middle


def test_who_goes_first_in_a_junction() -> None:
    build = ScenarioBuilder("toy")
    west = build.lane([(-60, -2), (-12, -2)], name="west")
    east = build.lane([(12, -2), (60, -2)], name="east")
    south = build.lane([(2, -60), (2, -12)], name="south")
    away = build.lane([(-2, -12), (-2, -60)], name="away")
    north = build.lane([(2, 12), (2, 60)], name="north")
    ways = build.junction(
        [(west, east), (west, away), (west, north), (south, north), (south, east)], minor=[south]
    )
    lanes = [build.map.lanes[way.number] for way in ways]
    assert [lane.priority for lane in lanes] == [30, 20, 10, -10, -20]
    assert all(lane.kind == LaneKind.CONNECTOR for lane in lanes)
    assert lanes[1].lane_id == "west to away"
    (inside,) = [a for a in build.map.areas if a.kind == AreaKind.INTERSECTION]
    outline = shapely.Polygon(inside.exterior_m)
    assert outline.contains(shapely.Point(0, 0))
    assert not outline.intersects(shapely.Point(-13, -2))


def test_the_start_is_as_written_and_the_frame_is_the_egos() -> None:
    build, a, b = _road()
    build.ego(a, at_m=30.0, speed_mps=7.0)
    build.car(
        b, at_m=50.0, speed_mps=9.0, size_m=(5.0, 2.0, 1.5), name="blue", style={"runs_red": True}
    )
    build.parked_car(b, at_m=20.0, size_m=(4.0, 1.8, 1.5))
    build.cone(a, at_m=150.0, offset_m=1.0)
    scenario = build.scenario()
    assert scenario.world_offset_m == pytest.approx((30, 0, 0))
    assert scenario.tracks.track_id == ["ego", "blue", "parked car 1", "cone 1"]
    assert scenario.tracks.position_m[0, 0] == pytest.approx((0, 0, 0.8))
    assert scenario.tracks.velocity_mps[:, 0] == pytest.approx(
        np.array(((7, 0), (9, 0), (0, 0), (0, 0)))
    )
    assert _track(scenario, "blue")[0] == pytest.approx((50, -3.5), abs=1e-4)
    # The lane ends at -5.25; 0.3 m beside it a car 1.8 m wide.
    assert _track(scenario, "parked car 1")[-1] == pytest.approx((20, -5.25 - 0.3 - 0.9), abs=1e-4)
    assert _track(scenario, "cone 1")[0] == pytest.approx((150, 1), abs=1e-4)
    assert scenario.styles is not None
    assert scenario.styles.runs_red.tolist() == [False, True, False, False]
    assert scenario.notes == []
    assert scenario.num_instants == 31


def test_a_route_takes_in_what_lies_between() -> None:
    build, a, _ = _road(duration_s=6.0)
    c = build.lane([(220, 20), (220, 120)], name="c")
    build.connector(a, c, name="bend")
    build.ego(a, at_m=10.0, speed_mps=10.0)
    build.car(a, at_m=170.0, speed_mps=8.0, route=[a, c])
    scenario = build.scenario()
    route = scenario.routes[1]
    assert route is not None
    assert [scenario.map.lanes[k].lane_id for k in route.lanes] == ["a", "bend", "c"]
    assert scenario.routes[0] is not None and scenario.routes[0].lanes == route.lanes  # one way on
    assert _track(scenario, "car 1")[-1, 1] > 5.0


def test_a_change_of_lanes_where_it_is_said() -> None:
    build, a, b = _road(duration_s=6.0)
    build.ego(a, at_m=10.0, speed_mps=6.0)
    build.car(b, at_m=60.0, speed_mps=10.0, route=[a], change_at_m=70.0, change_over_m=40.0)
    x, y = _track(build.scenario(), "car 1").T
    # Half over half of the way: at 90 m the middle of the car is between the lanes.
    assert np.interp(90.0, x, y) == pytest.approx(-1.75, abs=0.05)
    assert np.interp((69.0, 111.0), x, y) == pytest.approx((-3.5, 0.0), abs=0.05)


def test_the_traffic_finds_the_gap_for_a_change_that_is_needed() -> None:
    build, a, b = _road(duration_s=8.0)
    on = build.lane([(200, 0), (400, 0)])
    build.connect(a, on)  # lane b ends at 200 m
    build.ego(b, at_m=120.0, speed_mps=8.0, route=[a, on])
    scenario = build.scenario()
    assert scenario.routes[0] is not None and scenario.routes[0].lanes == (0, 2)
    track = _track(scenario, "ego")
    assert track[0, 1] == pytest.approx(-3.5, abs=1e-3)
    assert track[-1, 1] == pytest.approx(0.0, abs=0.2)


def test_who_turns_left_waits_for_who_comes_and_who_never_yields_does_not() -> None:
    def cleared_s(style: dict[str, int]) -> float:
        build = ScenarioBuilder("toy", duration_s=11.0)
        west = build.lane([(-80, -2), (-12, -2)])
        east = build.lane([(12, -2), (80, -2)])
        coming = build.lane([(150, 2), (12, 2)])
        going = build.lane([(-12, 2), (-80, 2)])
        north = build.lane([(2, 12), (2, 80)])
        build.junction([(west, east), (coming, going), (west, north)])
        build.ego(coming, at_m=100.0, speed_mps=11.0, route=[going])
        build.car(west, at_m=50.0, speed_mps=8.0, route=[north], style=style)
        y = _track(build.scenario(), "car 1")[:, 1]
        return 0.1 * int((np.nan_to_num(y, nan=100.0) > 6.0).argmax())

    patient, rude = cleared_s({}), cleared_s({"yields": Yielding.NEVER})
    assert patient > rude + 2.0


def test_trajectories_and_walks() -> None:
    build, a, _ = _road(duration_s=8.0)
    build.ego(a, at_m=10.0, speed_mps=1.0)
    build.scripted_car([(1.0, 100, 20), (3.0, 120, 20), (5.0, 120, 20)])
    build.pedestrian([(150, -12), (150, -30)], speed_mps=1.5, starts_s=2.0)
    scenario = build.scenario()
    car, walker = _track(scenario, "scripted car 1"), _track(scenario, "pedestrian 1")
    assert np.isnan(car[9]).all() and np.isnan(car[51]).all()
    assert car[[10, 30, 50]] == pytest.approx(np.array(((100, 20), (120, 20), (120, 20))), abs=1e-3)
    assert (np.diff(car[10:51, 0]) > -1e-4).all()
    assert walker[20] == pytest.approx((150, -12), abs=0.1)
    assert walker[80] == pytest.approx((150, -12 - 6.0 * 1.5), abs=0.3)


def test_the_goal_spans_the_lanes_that_lead_on() -> None:
    build, a, b = _road(duration_s=5.0)
    build.ego(a, at_m=10.0, speed_mps=10.0, goal=(b, 90.0), time_limit_s=4.0)
    scenario = build.scenario()
    assert scenario.goal_line_m is not None
    line = scenario.goal_line_m + scenario.world_offset_m[:2]
    assert line == pytest.approx(np.array(((90, 1.75), (90, -5.25))), abs=1e-3)
    assert scenario.time_limit_s == 4.0


def test_saved_under_a_name_and_read_as_any_other(tmp_path: Path) -> None:
    build, a, _ = _road()
    build.ego(a, at_m=10.0, speed_mps=10.0)
    path = build.save(tmp_path / "mine" / "Just so.scenario")
    (ref,) = find(SourceQuery(source="saved", path=path.parent))
    assert digest(load_one(ref)) == digest(build.scenario())


def test_it_is_seen_by_every_sensor() -> None:
    build, a, _ = _road()
    build.ego(a, at_m=40.0, speed_mps=10.0)
    build.car(a, at_m=60.0, speed_mps=10.0)
    build.obstacle([(70, 8), (90, 8), (90, 14), (70, 14)], height_m=6.0)
    needs = Needs(lanes=LaneSpec(), raster=RasterSpec(), lidar=HDL_32E)
    simulator = Simulator.from_scenarios([build.scenario()], "idm", needs)
    seen = simulator.observe(simulator.reset())
    assert seen.raster is not None and seen.lidar is not None and seen.lanes is not None
    assert seen.raster.max() == 1.0
    assert (seen.lidar.range_m < 25.0).any()


def test_what_touches_in_the_recording_is_in_the_notes() -> None:
    build, a, _ = _road(duration_s=5.0)
    build.ego(a, at_m=10.0, speed_mps=0.0)
    build.scripted_car([(0.0, 60, 0), (4.0, 100, 0)], name="one")
    build.scripted_car([(0.0, 100, 40), (4.0, 100, 0)], name="other", size_m=(4.0, 2.0, 1.5))
    (note,) = build.scenario().notes
    assert note.startswith("one and other touch at 3.")


def test_an_ego_that_runs_out_of_road_is_in_the_notes() -> None:
    build, a, _ = _road(duration_s=2.0)
    build.ego(a, at_m=180.0, speed_mps=1.0)
    (note,) = build.scenario().notes
    assert note.startswith("the ego's route ends 1")


def test_on_a_map_that_there_is() -> None:
    first, a, b = _road()
    first.light(a, green_s=5.0, red_s=5.0)  # a map does not say what its lights do: it goes
    first.stop_sign(b)
    build = ScenarioBuilder.on_map(first.finished_map(), "again", duration_s=2.0)
    more = build.lane([(200, 0), (260, 0)], name="more")
    build.connect(build.find_lane("a"), more)
    build.ego(build.find_lane("a"), at_m=20.0, speed_mps=10.0, route=[more])
    scenario = build.scenario()
    assert scenario.routes[0] is not None and scenario.routes[0].lanes == (0, 2)
    assert len(scenario.map.stop_lines) == 1
    road = shapely.union_all(
        [
            shapely.Polygon(one.exterior_m)
            for one in scenario.map.areas
            if one.kind == AreaKind.DRIVABLE
        ]
    )
    assert road.area == pytest.approx(200 * 8.2 + 60 * 4.7, rel=0.01)
    with pytest.raises(InputError, match="did you mean more"):
        build.find_lane("mor")


Wrong = Callable[[ScenarioBuilder, DrawnLane, DrawnLane], object]
AT_ONCE: dict[str, Wrong] = {
    "lane 'x': 0.5 m wide; between 1 and 12 m are needed": lambda build, a, b: build.lane(
        [(0, 0), (9, 0)], width_m=0.5, name="x"
    ),
    "lane 'x': a corner of 90 degrees at (50, 0): give more points": lambda build, a, b: build.lane(
        [(0, 0), (50, 0), (50, 50)], name="x"
    ),
    "lane 'x': 2 points or more are needed": lambda build, a, b: build.lane([(1, 1)], name="x"),
    "lane 'a': there is one of that name already": lambda build, a, b: build.lane(
        [(0, 0), (9, 0)], name="a"
    ),
    "lane 'b' starts 200.0 m from the end of lane 'a'": lambda build, a, b: build.connect(a, b),
    "lane 'a' is 3.5 m to the left of lane 'b'; name lanes from left to right": (
        lambda build, a, b: build.side_by_side(b, a)
    ),
    "light: before_end_m: 250 m, but lane 'a' is 200.0 m long": lambda build, a, b: build.light(
        a, green_s=5.0, red_s=5.0, before_end_m=250.0
    ),
    "light: name the lanes that it is for": lambda build, a, b: build.light(green_s=5.0, red_s=5.0),
    "car 1: at_m: 900 m, but lane 'a' is 200.0 m long": lambda build, a, b: build.car(
        a, at_m=900.0, speed_mps=5.0
    ),
    "pedestrian 1: starts at 20 s, the scenario ends at 3 s": lambda build, a, b: build.pedestrian(
        [(0, 0), (9, 9)], starts_s=20.0
    ),
    "car 1: style: unknown 'headway'; did you mean headway_s?": lambda build, a, b: build.car(
        a, at_m=9.0, speed_mps=5.0, style={"headway": 1.0}
    ),
    "scripted car 1: trajectory: 100 m/s between points 0 and 1": (
        lambda build, a, b: build.scripted_car([(0.0, 0, 0), (1.0, 100, 0)])
    ),
    "ego: there is one already": lambda build, a, b: [build.ego(a, 20.0, 1.0) for _ in range(2)],
    "lane 'q' belongs to another builder": lambda build, a, b: build.connect(a, DrawnLane("q", 0)),
}


@pytest.mark.parametrize("told", AT_ONCE)
def test_calls_say_at_once_what_is_wrong(told: str) -> None:
    with pytest.raises(InputError) as error:
        AT_ONCE[told](*_road())
    assert told in str(error.value)


WHEN_DONE: dict[str, Wrong] = {
    "car 1: its tail lies 1.2 m behind the start of lane 'a': at_m must be at least 2.2": (
        lambda build, a, b: build.car(a, at_m=1.0, speed_mps=5.0, size_m=(4.4, 1.8, 1.5))
    ),
    "car 1: its front lies 1.2 m beyond the end of lane 'a': at_m must be at most 197.8": (
        lambda build, a, b: build.car(a, at_m=199.0, speed_mps=5.0, size_m=(4.4, 1.8, 1.5))
    ),
    "car 1: no way leads from lane 'a' to lane 'x' of its route: connect them": (
        lambda build, a, b: build.car(
            a, at_m=9.0, speed_mps=5.0, route=[build.lane([(200, 0), (300, 0)], name="x")]
        )
    ),
    "car 1 and ego overlap at the start: their middles are 2.0 m apart": (
        lambda build, a, b: build.car(a, at_m=102.0, speed_mps=5.0)
    ),
    "car 1: 3.60 m wide, but lane 'a' of its route is 3.50 m wide": lambda build, a, b: build.car(
        a, at_m=9.0, speed_mps=5.0, size_m=(4.0, 3.6, 2.0)
    ),
    "pedestrian 1 walks through building 1": lambda build, a, b: (
        build.obstacle([(50, 10), (60, 10), (60, 20), (50, 20)], height_m=5.0),
        build.pedestrian([(40, 15), (70, 15)], speed_mps=5.0),
    ),
    "ego: its route leads through wall 1": lambda build, a, b: build.obstacle(
        [(150, -1), (151, -1), (151, 1), (150, 1)], height_m=2.0, kind="wall"
    ),
    "car 1: a change of lanes over 30 m at 180 m does not fit on lane 'b'": (
        lambda build, a, b: build.car(b, at_m=9.0, speed_mps=5.0, route=[a], change_at_m=180.0)
    ),
    "car 1: change_at_m needs a route with one change of lanes, not 0": (
        lambda build, a, b: build.car(b, at_m=9.0, speed_mps=5.0, change_at_m=80.0)
    ),
    "styles.headway_s: agent car 1: 99.0 is not between 0.1 and 10": lambda build, a, b: build.car(
        a, at_m=9.0, speed_mps=5.0, style={"headway_s": 99.0}
    ),
}


@pytest.mark.parametrize("told", WHEN_DONE)
def test_what_cannot_be_is_told_when_it_is_made(told: str) -> None:
    build, a, b = _road(duration_s=5.0)
    build.ego(a, at_m=100.0, speed_mps=5.0)
    WHEN_DONE[told](build, a, b)
    with pytest.raises(InputError) as error:
        build.scenario()
    assert told in str(error.value)


def test_an_ego_is_needed() -> None:
    with pytest.raises(InputError, match="no ego: call ego"):
        ScenarioBuilder("empty").scenario()


def test_the_example_is_a_cut_in_that_the_ego_brakes_for() -> None:
    from examples.my_scenario import build

    scenario = build.scenario()
    assert scenario.notes == []
    speed = np.linalg.norm(scenario.tracks.velocity_mps[0], axis=1)
    assert speed[0] == pytest.approx(12.0) and speed.min() < 8.0
