"""Intentions of drives whose every instant can be worked out by hand; 0.1 s a step, horizon 6 s."""

from dataclasses import replace

import numpy as np
import pytest

from drive.features.example import make_examples
from drive.features.intentions import UNKNOWN, intentions
from sim.geometry import polyline
from sim.interface import IntentionKind as K
from sim.scenario import AgentKind, Lane, LaneKind, LaneMap, Scenario
from tests.drive.scenes import SPEC
from tests.toy import Car, make_scenario, straight


def _driven(lines_m: list[np.ndarray], line_m: np.ndarray, s_m: np.ndarray, **more) -> Scenario:
    """The ego alone, on a line at the arc length of each instant, heading along it."""
    scenario = make_scenario(lines_m, [Car(-1, 0.0, 0.0)], 0.1 * (len(s_m) - 1), **more)
    place = polyline.at(line_m, s_m)
    ahead = polyline.at(line_m, s_m + 0.1) - polyline.at(line_m, s_m - 0.1)
    position = np.zeros((1, len(s_m), 3), dtype=np.float32)
    position[0, :, :2] = place
    yaw = np.arctan2(ahead[:, 1], ahead[:, 0])[None].astype(np.float32)
    tracks = replace(scenario.tracks, position_m=position, yaw_rad=yaw)
    return replace(scenario, tracks=tracks)


def _with_lanes(scenario: Scenario, *changes: dict) -> Scenario:
    lanes: list[Lane] = [
        replace(lane, **change) for lane, change in zip(scenario.map.lanes, changes, strict=True)
    ]
    return replace(scenario, map=LaneMap(lanes=lanes, areas=scenario.map.areas))


# East for 50 m, a quarter of a circle of 10 m radius to the north (15.7 m), north for 100 m.
_ANGLE = np.linspace(0.0, np.pi / 2, 16)
_ARC = np.stack((50.0 + 10.0 * np.sin(_ANGLE), 10.0 - 10.0 * np.cos(_ANGLE)), axis=-1)
_CORNER = [straight(0.0, 0.0, 50.0, 0.0), _ARC, straight(60.0, 10.0, 60.0, 110.0)]
_JUNCTION = (
    {"successors": (1,)},
    {"kind": LaneKind.CONNECTOR, "successors": (2,)},
    {"predecessors": (1,)},
)
_BEND = ({"successors": (1,)}, {"successors": (2,)}, {"predecessors": (1,)})


def _round_the_corner(side: int, changes: tuple[dict, ...]) -> np.ndarray:
    """At 5 m/s; it is at the junction after 10 s, and through it after 13.1 s."""
    mirror = np.array((1.0, float(side)))
    lines = [line * mirror for line in _CORNER]
    whole = np.concatenate((lines[0], lines[1][1:], lines[2][1:]))
    scenario = _driven(lines, whole, 0.5 * np.arange(241))
    return intentions(_with_lanes(scenario, *changes), 6.0)[0]


@pytest.mark.parametrize(("side", "turn"), [(1, K.TURN_LEFT), (-1, K.TURN_RIGHT)])
def test_a_turn_is_one_from_when_it_comes_into_the_horizon_until_it_is_mostly_done(
    side: int, turn: K
) -> None:
    kind = _round_the_corner(side, _JUNCTION)
    # 0.35 rad are 3.5 m of the arc: done at 10.7 s, so told from 4.7 s on, and until 12.4 s.
    assert (kind[:45] == K.KEEP_LANE).all()
    assert (kind[50:122] == turn).all()
    assert (kind[127:210] == K.KEEP_LANE).all()
    # The recording ends after 24 s: what comes after 21 s is seen for less than half of the horizon.
    assert (kind[211:] == UNKNOWN).all()


def test_a_road_that_bends_is_no_turn() -> None:
    assert (_round_the_corner(1, _BEND)[:210] == K.KEEP_LANE).all()


@pytest.mark.parametrize(("sign", "change"), [(1, K.CHANGE_LEFT), (-1, K.CHANGE_RIGHT)])
def test_a_lane_change_is_when_the_middle_between_two_lanes_is_crossed(
    sign: int, change: K
) -> None:
    lines = [straight(-50.0, 0.0, 400.0, 0.0), straight(-50.0, 3.5 * sign, 400.0, 3.5 * sign)]
    s = (
        np.arange(201) * 1.0
    )  # 10 m/s; from x = 80 to 120 over into the other lane, half over at 100
    path = np.stack((s, 3.5 * sign * np.clip((s - 80.0) / 40.0, 0.0, 1.0)), axis=-1)
    beside = [(1, 0)] if sign > 0 else [(0, 1)]
    kind = intentions(_driven(lines, path, polyline.arc_length_m(path), beside=beside), 6.0)[0]
    # It is over the middle after 10 s.
    assert (kind[:38] == K.KEEP_LANE).all()
    assert (kind[42:98] == change).all()
    assert (kind[102:170] == K.KEEP_LANE).all()


def test_from_a_lane_into_what_leads_on_from_the_one_beside() -> None:
    lines = [
        straight(0.0, 0.0, 100.0, 0.0), straight(0.0, 3.5, 100.0, 3.5),
        straight(101.0, 0.0, 400.0, 0.0), straight(101.0, 3.5, 400.0, 3.5),
    ]  # fmt: skip
    s = np.arange(201) * 1.0
    path = np.stack((s, 3.5 * np.clip((s - 90.5) / 20.0, 0.0, 1.0)), axis=-1)
    scenario = _driven(lines, path, polyline.arc_length_m(path), beside=[(1, 0), (3, 2)])
    joined = [replace(lane, successors=(k + 2,)) for k, lane in enumerate(scenario.map.lanes[:2])]
    lanes = [*joined, *scenario.map.lanes[2:]]
    scenario = replace(scenario, map=replace(scenario.map, lanes=lanes))
    kind = intentions(scenario, 6.0)[0]
    assert (kind[45:95] == K.CHANGE_LEFT).all()
    assert (kind[:38] == K.KEEP_LANE).all()


def test_a_stop_behind_a_car_and_a_parked_car() -> None:
    """From 10 m/s it brakes at 2 m/s² from 5 s on, stands 5 s later at x = 75, and stays behind a car."""
    time = np.arange(201) * 0.1
    braking = np.clip(time - 5.0, 0.0, 5.0)
    s = np.minimum(time, 5.0) * 10.0 + 10.0 * braking - braking**2
    scenario = make_scenario(
        [straight(-50.0, 0.0, 300.0, 0.0)],
        [Car(0, 0.0, 0.0), Car(0, 82.0, 0.3), Car(-1, 40.0, -3.0)],
        20.0,
    )
    position = scenario.tracks.position_m.copy()
    position[0, :, 0] = s
    kind = intentions(replace(scenario, tracks=replace(scenario.tracks, position_m=position)), 6.0)
    # Below 0.5 m/s from 9.75 s on: told from 3.8 s on, and while it goes on standing.
    assert (kind[0, :36] == K.KEEP_LANE).all()
    assert (kind[0, 40:171] == K.STOPPING).all()
    assert (kind[1, :171] == K.STOPPING).all()  # it waits in the lane
    assert (kind[2, :171] == K.PARKED).all()  # 3 m beside its middle


def test_who_drives_on_within_the_horizon_keeps_its_lane() -> None:
    """It stands for 8 s and then goes at 5 m/s."""
    s = np.maximum(np.arange(201) * 0.1 - 8.0, 0.0) * 5.0
    line = straight(-50.0, 0.0, 300.0, 0.0)
    scenario = _driven([line], line, 50.0 + s)
    kind = intentions(scenario, 6.0)[0]
    assert (kind[:15] == K.STOPPING).all()
    assert (kind[25:140] == K.KEEP_LANE).all()


def test_who_walks_and_who_drives_off_the_lanes_is_other() -> None:
    scenario = make_scenario(
        [straight(-50.0, 0.0, 300.0, 0.0)],
        [
            Car(0, 0.0, 0.0, 0.0, 5.0),
            Car(-1, 5.0, 0.0, 0.0, 1.0, (0.6, 0.6, 1.8), AgentKind.PEDESTRIAN),
            Car(-1, 0.0, -20.0, 0.0, 5.0),
            Car(-1, 0.0, 0.0, 0.0, 3.0, (1.8, 0.6, 1.8), AgentKind.CYCLIST),
        ],
    )
    kind = intentions(scenario, 6.0)[:, 0].tolist()
    assert kind == [K.KEEP_LANE, K.OTHER, K.OTHER, K.KEEP_LANE]
    nowhere = replace(scenario, map=LaneMap())
    assert intentions(nowhere, 6.0)[:, 0].tolist() == [
        K.KEEP_LANE,
        K.OTHER,
        K.KEEP_LANE,
        K.KEEP_LANE,
    ]


def test_who_is_not_there_or_gone_soon_is_unknown() -> None:
    scenario = make_scenario([straight(-50.0, 0.0, 300.0, 0.0)], [Car(0, 0.0, 0.0, 0.0, 5.0)] * 2)
    valid = scenario.tracks.valid.copy()
    valid[1, :20], valid[1, 60:] = False, False
    kind = intentions(replace(scenario, tracks=replace(scenario.tracks, valid=valid)), 6.0)[1]
    # There from 2 to 5.9 s: for half of the horizon from 2.9 s back.
    assert (kind[:20] == UNKNOWN).all()
    assert (kind[20:30] == K.KEEP_LANE).all()
    assert (kind[30:] == UNKNOWN).all()


def test_examples_carry_the_intentions_of_their_instant_in_their_order() -> None:
    scenario = make_scenario(
        [straight(-50.0, 0.0, 300.0, 0.0)],
        [
            Car(0, 0.0, 0.0, 0.0, 5.0),
            Car(0, 60.0, 0.0),
            Car(-1, 20.0, -4.0),
            Car(-1, 5.0, -6.0, 0.0, 1.0, (0.6, 0.6, 1.8), AgentKind.PEDESTRIAN),
        ],
    )
    example = next(make_examples([scenario], SPEC))
    # The ego, and then the others by distance: on foot, parked, waiting.
    assert example.truth.intention.tolist() == [[K.KEEP_LANE, K.OTHER, K.PARKED, K.STOPPING]]
