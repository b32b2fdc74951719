"""Tags of hand-made scenarios: each is carried by one, and not by the same a little changed."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from sim.errors import InputError
from sim.scenario import (
    AgentKind,
    AreaKind,
    LaneKind,
    Lights,
    LightState,
    MapArea,
    Route,
    Scenario,
    StopKind,
    StopLine,
)
from sim.scenario_file import save_scenario
from sim.sources.finding import find
from sim.sources.query import SourceQuery
from sim.sources.tagged import tagged
from sim.tags import TAGS, tags_of
from sim.world import World
from tests.conftest import needs_shared_data
from tests.real_scenes import FILES, real_scene
from tests.toy import Car, make_scenario, straight

ROAD = straight(-60, 0, 200, 0)
TIME = np.arange(101) * 0.1  # 10 s
WALKER, BICYCLE = (0.6, 0.6, 1.7), (1.8, 0.7, 1.7)
BUS = (12.0, 2.5, 3.0)


def _walker(x: float, y: float, yaw: float = 0.0, speed: float = 0.0) -> Car:
    return Car(-1, x, y, yaw, speed, WALKER, AgentKind.PEDESTRIAN)


def _tags(scenario: Scenario) -> tuple[str, ...]:
    return tags_of(World.from_scenarios([scenario]))[0]


def _drive(*cars: Car, speed: float = 10.0) -> Scenario:
    return make_scenario([ROAD], [Car(0, 0, 0, 0, speed), *cars])


def _with_speeds(scenario: Scenario, speed: np.ndarray, agent: int = 0) -> Scenario:
    """The agent along +x from where it starts, at these speeds."""
    tracks = scenario.tracks
    tracks.position_m[agent, 1:, 0] = tracks.position_m[agent, 0, 0] + np.cumsum(
        0.05 * (speed[1:] + speed[:-1])
    )
    tracks.velocity_mps[agent, :, 0] = speed
    return scenario


# What the ego itself does.


def test_speeds() -> None:
    assert _tags(_drive()) == ("high_magnitude_speed",)
    assert _tags(_drive(speed=8.9)) == ()
    assert _tags(_drive(speed=1.0)) == ("low_magnitude_speed",)
    assert _tags(_drive(speed=0.0)) == ("stationary",)
    # Stands for 4.9 s, then drives: 5 s are asked for.
    for stands_s, carried in ((4.9, False), (5.1, True)):
        speed = np.clip(TIME - stands_s, 0.0, 3.0)
        assert ("stationary" in _tags(_with_speeds(_drive(speed=0.0), speed))) == carried


def test_braking_and_jerk() -> None:
    for rate, carried in ((2.9, False), (3.2, True)):
        scenario = _with_speeds(_drive(), np.clip(10.0 - rate * (TIME - 4.0).clip(0), 4.0, 10.0))
        assert ("hard_braking" in _tags(scenario)) == carried
    # From -3 to +3 m/s^2 within no time: over a second 6 m/s^2 less what the slopes smooth.
    speed = 8.0 + 3.0 * np.abs(TIME - 5.0)
    assert "high_magnitude_jerk" in _tags(_with_speeds(_drive(), speed - speed.min() + 2.0))
    assert "high_magnitude_jerk" not in _tags(_with_speeds(_drive(), 8.0 + np.abs(TIME - 5.0)))


def test_the_ends_of_a_recording_are_no_events() -> None:
    speed = np.full(101, 10.0)
    speed[-3:], speed[:3] = 2.0, 5.0
    assert "hard_braking" not in _tags(_with_speeds(_drive(), speed))


def _circle(radius: float, speed: float) -> Scenario:
    angle = np.linspace(0.0, 1.5, 120)
    line = radius * np.stack((np.sin(angle), 1.0 - np.cos(angle)), axis=-1)
    scenario = make_scenario([line], [Car(0, 0, 0, 0, speed)], 6.0)
    tracks, turned = scenario.tracks, np.arange(61) * 0.1 * speed / radius
    tracks.position_m[0, :, 0] = radius * np.sin(turned)
    tracks.position_m[0, :, 1] = radius * (1.0 - np.cos(turned))
    tracks.yaw_rad[0] = turned
    tracks.velocity_mps[0] = speed * np.stack((np.cos(turned), np.sin(turned)), axis=-1)
    return scenario


def test_lateral_acceleration() -> None:
    # v^2 / r: 10^2 / 50 = 2 m/s^2 at 0.2 rad/s; 7^2 / 50 = 0.98.
    assert "high_lateral_acceleration" in _tags(_circle(50.0, 10.0))
    assert "high_lateral_acceleration" not in _tags(_circle(50.0, 7.0))


def _two_lanes(neighbors: bool, y_end: float = 3.5) -> Scenario:
    """The ego goes over from y = 0 to `y_end`, between 3 and 6 s."""
    scenario = make_scenario([ROAD, straight(-60, 3.5, 200, 3.5)], [Car(0, 0, 0, 0, 10)])
    if neighbors:
        right, left = scenario.map.lanes
        lanes = [replace(right, left_neighbor=1), replace(left, right_neighbor=0)]
        scenario = replace(scenario, map=replace(scenario.map, lanes=lanes))
    scenario.tracks.position_m[0, :, 1] = np.interp(TIME, (3.0, 6.0), (0.0, y_end))
    return scenario


def test_changing_lane() -> None:
    assert "changing_lane" in _tags(_two_lanes(True))
    assert "changing_lane" not in _tags(_two_lanes(True, y_end=1.5))  # stays in its lane
    assert "changing_lane" not in _tags(_two_lanes(False))  # the other one is not beside it


# Junctions: a lane to x = 20, a quarter circle of 10 m to the left or right, a lane from its end.


def _turn(side: float, signal: bool, state: LightState = LightState.GREEN) -> Scenario:
    angle = np.linspace(0.0, math.pi / 2, 17)
    bend = np.stack((20 + 10 * np.sin(angle), side * 10 * (1 - np.cos(angle))), axis=-1)
    lines = [straight(-60, 0, 20, 0), bend, straight(30, side * 10, 30, side * 100)]
    scenario = make_scenario(lines, [Car(0, 0, 0, 0, 5)])
    kinds = (LaneKind.LANE, LaneKind.CONNECTOR, LaneKind.LANE)
    lanes = [
        replace(lane, kind=kind, successors=after, predecessors=before)
        for lane, kind, after, before in zip(
            scenario.map.lanes, kinds, ((1,), (2,), ()), ((), (0,), (1,)), strict=True
        )
    ]
    stops = [StopLine(np.array(((20.0, -2.0), (20.0, 2.0))), StopKind.SIGNAL, (0,), 0)]
    whole = np.concatenate((lines[0], bend[1:], lines[2][1:]))
    s_m = np.concatenate(((0.0,), np.cumsum(np.linalg.norm(np.diff(whole, axis=0), axis=1))))
    at = 60.0 + 5.0 * TIME
    xy = np.stack([np.interp(at, s_m, whole[:, k]) for k in (0, 1)], axis=-1)
    yaw = np.unwrap(np.arctan2(*np.gradient(xy, axis=0).T[::-1]))
    tracks = scenario.tracks
    tracks.position_m[0, :, :2], tracks.yaw_rad[0] = xy, yaw
    tracks.velocity_mps[0] = 5.0 * np.stack((np.cos(yaw), np.sin(yaw)), axis=-1)
    route = Route((0, 1, 2), whole.astype(np.float32), np.zeros(len(whole), dtype=int))
    return replace(
        scenario,
        map=replace(scenario.map, lanes=lanes, stop_lines=stops if signal else []),
        lights=Lights(np.full((1 if signal else 0, 101), int(state)), np.zeros((int(signal), 2))),
        routes=[route],
    )


@pytest.mark.parametrize(
    ("side", "signal", "tag"),
    [
        (1.0, True, "protected_left"),
        (1.0, False, "unprotected_left"),
        (-1.0, True, "protected_right"),
        (-1.0, False, "unprotected_right"),
    ],
)
def test_turns(side: float, signal: bool, tag: str) -> None:
    with_light = ("traversing_traffic_light_intersection",) if signal else ()
    assert _tags(_turn(side, signal)) == (tag, "traversing_intersection", *with_light)


def test_waiting_at_a_red_light() -> None:
    stop = StopLine(np.array(((10.0, -2.0), (10.0, 2.0))), StopKind.SIGNAL, (0,), 0)
    for state, carried in ((LightState.RED, True), (LightState.GREEN, False)):
        scenario = make_scenario(
            [ROAD], [Car(0, 4, 0)], stop_lines=[stop], light_state=np.full((1, 101), int(state))
        )
        assert ("stationary_at_traffic_light" in _tags(scenario)) == carried


def _with_area(scenario: Scenario, kind: AreaKind, *corners: tuple[float, float]) -> Scenario:
    areas = [*scenario.map.areas, MapArea(kind, np.array(corners))]
    return replace(scenario, map=replace(scenario.map, areas=areas))


CROSSWALK = ((30.0, -6.0), (34.0, -6.0), (34.0, 6.0), (30.0, 6.0))


def test_crosswalks() -> None:
    empty = _with_area(_drive(speed=5.0), AreaKind.CROSSWALK, *CROSSWALK)
    assert _tags(empty) == ("traversing_crosswalk",)
    waits = _with_area(_drive(_walker(32, 5), speed=5.0), AreaKind.CROSSWALK, *CROSSWALK)
    assert "near_pedestrian_on_crosswalk" in _tags(waits)
    beside = _with_area(_drive(_walker(40, 5), speed=5.0), AreaKind.CROSSWALK, *CROSSWALK)
    assert "near_pedestrian_on_crosswalk" not in _tags(beside)


# Leads. The ego's box is 4 m long: a gap of g to another such car are g + 4 m between the middles.


@pytest.mark.parametrize(
    ("lead", "speed", "tag", "carried"),
    [
        (Car(0, 11, 0, 0, 5), 5.0, "following_lane_with_lead", True),
        (Car(0, 12, 0, 0, 5), 5.0, "following_lane_with_lead", False),  # 8 m
        (Car(0, 11, 2, 0, 5), 5.0, "following_lane_with_lead", False),  # beside
        (Car(0, 11, 0, math.pi, 0), 5.0, "following_lane_with_lead", False),
        (Car(0, 60, 0, 0, 3), 6.0, "following_lane_with_slow_lead", True),
        (Car(0, 60, 0, 0, 3), 4.5, "following_lane_with_slow_lead", False),
        (Car(0, 16, 0, 0, 5, BUS), 5.0, "behind_long_vehicle", True),  # 16 - 6 - 2 = 8 m
        (Car(0, 16, 0.8, 0, 5, BUS), 5.0, "behind_long_vehicle", False),
        (Car(0, 16, 0, 0, 5), 5.0, "behind_long_vehicle", False),
        (Car(0, 20, 0, 0, 4, BICYCLE, AgentKind.CYCLIST), 4.0, "behind_bike", True),
        (Car(0, 30, 0, 0, 4, BICYCLE, AgentKind.CYCLIST), 4.0, "behind_bike", False),
        (_walker(20, 0, 0, 1.5), 1.5, "behind_pedestrian_on_driveable", True),
        (_walker(20, 2, 0, 1.5), 1.5, "behind_pedestrian_on_driveable", False),
    ],
)
def test_leads(lead: Car, speed: float, tag: str, carried: bool) -> None:
    assert (tag in _tags(_drive(lead, speed=speed))) == carried


def test_stopping_behind_a_car() -> None:
    # From 5 m/s with 1 m/s^2 after 3 s: it stands after 15 + 12.5 = 27.5 m.
    speed = np.clip(5.0 - (TIME - 3.0).clip(0), 0.0, 5.0)
    for x, carried in ((36.0, True), (40.0, False)):  # 4.5 m, 8.5 m
        scenario = _with_speeds(_drive(Car(0, x, 0), speed=5.0), speed)
        assert ("stopping_with_lead" in _tags(scenario)) == carried
    stood = _drive(Car(0, 8, 0), speed=0.0)
    assert "stopping_with_lead" not in _tags(stood)


def test_cut_in() -> None:
    for y_end, carried in ((0.0, True), (2.5, False)):
        scenario = _drive(Car(-1, 14, 3.5, 0, 8), speed=8.0)
        scenario.tracks.position_m[1, :, 1] = np.interp(TIME, (3.0, 4.5), (3.5, y_end))
        assert ("cut_in" in _tags(scenario)) == carried


# Who is around.


def test_traffic() -> None:
    around = [Car(0, 8.0 * k, y, 0, 8) for k in (-1, 0, 1) for y in (-3.5, 3.5)]
    seven = _tags(_drive(*around, Car(0, 8, 0, 0, 8), speed=8.0))
    assert "near_multiple_vehicles" in seven and "dense_traffic" not in seven
    assert "near_multiple_vehicles" not in _tags(_drive(*around, speed=8.0))
    more = [Car(0, 30, 0, 0, 8), Car(0, 20, 0, 0, 8), Car(0, -20, 0, 0, 8), Car(0, -30, 0, 0, 8)]
    assert "dense_traffic" in _tags(_drive(*around, *more, speed=8.0))
    parked = [replace(car, lane=-1) for car in more]
    assert "dense_traffic" not in _tags(_drive(*around, *parked, speed=8.0))
    standing = [replace(car, speed_mps=0.0) for car in (*around, Car(0, 8, 0))]
    assert "stationary_in_traffic" in _tags(_drive(*standing, speed=0.0))


def test_pedestrians() -> None:
    assert "near_pedestrian" in _tags(_drive(_walker(30, 4), speed=5.0))
    assert "near_pedestrian" not in _tags(_drive(_walker(30, 8), speed=5.0))
    assert "near_pedestrian" not in _tags(_drive(_walker(5, 4), speed=0.0))  # the ego stands
    # Crosses at 1.5 m/s: after 5 s he is at y = -2.5, the ego at x = 20, 7.7 m before him.
    crosses = _tags(_drive(_walker(30, -10, math.pi / 2, 1.5), speed=4.0))
    assert "waiting_for_pedestrian_to_cross" in crosses
    along = _tags(_drive(_walker(30, -3, 0.0, 1.5), speed=4.0))
    assert "waiting_for_pedestrian_to_cross" not in along


def test_crossing_vehicles_and_obstacles() -> None:
    across = Car(-1, 40, -20, math.pi / 2, 8.0)
    assert "crossed_by_vehicle" in _tags(_drive(across, speed=5.0))
    oncoming = Car(-1, 60, 1.0, math.pi, 8.0)
    assert "crossed_by_vehicle" not in _tags(_drive(oncoming, speed=5.0))
    for y, carried in ((4.0, True), (7.0, False)):
        cone = Car(-1, 30, y, 0, 0, (0.4, 0.4, 0.8), AgentKind.OBJECT)
        assert ("near_obstacle_on_driveable" in _tags(_drive(cone, speed=5.0))) == carried


def test_every_tag_has_a_test_and_is_told_in_the_docs() -> None:
    from pathlib import Path

    here, docs = Path(__file__).read_text(), Path("docs/tags.md").read_text()
    for name, tag in TAGS.items():
        assert name in here or name == "u_turn", name
        assert f"| `{name}` | {tag.text} |" in docs, name


def test_u_turns() -> None:
    scenario = _turn(1.0, False)
    angle = np.linspace(0.0, math.pi, 33)
    bend = np.stack((20 + 10 * np.sin(angle), 10 * (1 - np.cos(angle))), axis=-1)
    lanes = scenario.map.lanes
    lanes[1] = replace(lanes[1], centerline_m=bend)
    assert "u_turn" in _tags(scenario) and "unprotected_left" not in _tags(scenario)


def test_padding_carries_nothing() -> None:
    alone, crowd = _drive(speed=5.0), _drive(*[_walker(30, 4) for _ in range(3)], speed=5.0)
    world = World.from_scenarios([alone, crowd])
    for values in (world.log.pose, world.log.velocity_mps):
        values[0, 1:] = torch.nan
    assert tags_of(world) == [(), ("near_pedestrian",)]


# Queries.


def test_filters(tmp_path) -> None:
    toys = {
        "a": _drive(),
        "b": _drive(_walker(30, 4), speed=5.0),
        "c": _drive(_walker(30, 4)),
        "d": _drive(speed=5.0),
    }
    for name, scenario in toys.items():
        save_scenario(replace(scenario, scenario_id=name), tmp_path / f"{name}.scenario")
    (tmp_path / "e.scenario").write_bytes(b"broken")
    base = SourceQuery("saved", tmp_path)

    def names(**change) -> str:
        query = replace(base, **change)
        refs = tagged(query, find(query))
        assert [ref.index for ref in refs] == list(range(len(refs)))
        return "".join(ref.name[0] for ref in refs)

    assert names() == "abcde"
    assert names(tags=("near_pedestrian",)) == "bce"  # what cannot be read is told later
    assert names(tags=("near_pedestrian", "high_magnitude_speed")) == "abce"
    assert names(not_tags=("near_pedestrian",)) == "ade"
    assert names(tags=("near_pedestrian",), not_tags=("high_magnitude_speed",)) == "be"
    assert names(tags=("high_magnitude_speed",), count=1) == "a"
    assert names(tags=("near_pedestrian",), exclude=("b",)) == "ce"
    with pytest.raises(InputError, match="--tags cut_in: none of 4 scenarios carries it"):
        names(tags=("near_pedestrian", "cut_in"))
    with pytest.raises(InputError, match="--not-tags: leaves none of 1 scenarios"):
        names(scenario=("a",), not_tags=("high_magnitude_speed",))
    with pytest.raises(
        InputError, match="--tags: unknown 'near_pedestrain'; did you mean near_ped"
    ):
        names(tags=("near_pedestrain",))
    with pytest.raises(InputError, match="--not-tags: unknown 'x'"):
        names(not_tags=("x",))


@needs_shared_data
def test_recorded_scenes() -> None:
    """nuScenes' own descriptions: 0553 "wait at intersection, ... peds crossing crosswalk", 0757 "wait at
    intersection", 1077 "high speed, construction vehicle", 1094 "many peds, ... jaywalker".
    """
    scenes = [real_scene(path) for path in FILES]
    wanted = [s for s in scenes if s.scenario_id[-4:] in ("0553", "0757", "1077", "1094")]
    tags = {s.scenario_id[-4:]: _tags(s) for s in wanted}
    assert {"stationary", "near_pedestrian_on_crosswalk"} < set(tags["0553"])
    assert "stationary" in tags["0757"]
    assert "high_magnitude_speed" in tags["1077"] and "stationary" not in tags["1077"]
    assert "near_pedestrian" in tags["1094"]
