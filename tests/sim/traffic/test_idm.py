"""Reactive traffic on hand-built roads."""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch

from sim.scenario import AgentKind, LightState, Scenario, StopKind, StopLine
from sim.sources.procedural.record import drive
from sim.traffic.idm import IdmTraffic
from sim.world import World, WorldState
from tests.sim.traffic.drives import collides, drive_all, drive_groups
from tests.toy import Car, make_scenario, straight

WEST_EAST = straight(-100, 0, 100, 0)
SOUTH_NORTH = straight(0, -100, 0, 100)
NORTH = math.pi / 2


@cache
def _all_driven() -> dict[str, tuple[World, list[WorldState]]]:
    scenes = (_parked, _crossroads, _four_ways, _light, _stop_sign, _walker, _ramp, _bus)
    return drive_groups({scene.__name__: [scene()] for scene in scenes}, drives_ego=True)


def _driven(scene: Callable[[], Scenario]) -> tuple[World, list[WorldState]]:
    """The scene that a function of this module makes."""
    return _all_driven()[scene.__name__]


def _parked() -> Scenario:
    return make_scenario([WEST_EAST], [Car(0, -20, 0, 0, 8), Car(-1, 60, 0)], 25.0)


def test_stops_at_the_minimum_gap_behind_a_parked_car() -> None:
    # The minimum gap of the traffic is 2 m; IDM approaches it from above.
    _world, states = _driven(_parked)
    gap = 60 - 2 - (states[-1].pose[0, 0, 0] + 2)
    assert 1.9 < gap < 2.5
    assert states[-1].speed_mps[0, 0] < 0.1


def _crossroads() -> Scenario:
    cars = [Car(0, -60, 0, 0, 10), Car(1, 0, -55, NORTH, 10)]
    return make_scenario([WEST_EAST, SOUTH_NORTH], cars, 15.0, [10, 0])


def test_minor_road_waits_for_the_major_road() -> None:
    world, states = _driven(_crossroads)
    assert not collides(world, states)
    y_when_major_is_through = next(s.pose[0, 1, 1] for s in states if s.pose[0, 0, 0] > 3)
    assert y_when_major_is_through < -3.5
    assert states[-1].pose[0, 1, 1] > 5, "it must go on afterwards"


def _four_ways() -> Scenario:
    lines = [
        straight(-60, -2, 60, -2), straight(60, 2, -60, 2),
        straight(2, -60, 2, 60), straight(-2, 60, -2, -60),
    ]  # fmt: skip
    cars = [
        Car(0, -30, -2, 0, 8), Car(1, 30, 2, math.pi, 8),
        Car(2, 2, -30, NORTH, 8), Car(3, -2, 30, -NORTH, 8),
    ]  # fmt: skip
    return make_scenario(lines, cars, 30.0)


def test_four_way_standoff_of_equals_dissolves() -> None:
    world, states = _driven(_four_ways)
    assert not collides(world, states)
    assert not states[-1].valid.any(), "everyone must have left at the far ends"


def _light() -> Scenario:
    """Red for 15 s."""
    light = np.full((1, 251), LightState.RED)
    light[:, 150:] = LightState.GREEN
    stop = StopLine(np.array(((20.0, -2.0), (20.0, 2.0))), StopKind.SIGNAL, (0,), light=0)
    cars = [Car(0, -40, 0, 0, 10)]
    return make_scenario([WEST_EAST], cars, 25.0, stop_lines=[stop], light_state=light)


def test_red_light_stops_and_green_lets_go() -> None:
    _, states = _driven(_light)
    assert 15 < states[149].pose[0, 0, 0] + 2 < 20
    assert states[-1].pose[0, 0, 0] > 25
    hardest = min(float(s.acceleration_mps2[0, 0]) for s in states)
    assert hardest > -4


def _stop_sign() -> Scenario:
    stop = StopLine(np.array(((20.0, -2.0), (20.0, 2.0))), StopKind.STOP_SIGN, (0,))
    return make_scenario([WEST_EAST], [Car(0, -40, 0, 0, 10)], 25.0, stop_lines=[stop])


def test_stop_sign_makes_everyone_halt() -> None:
    _, states = _driven(_stop_sign)
    assert min(float(s.speed_mps[0, 0]) for s in states) < 0.3
    assert states[-1].pose[0, 0, 0] > 25


def _walker() -> Scenario:
    walker = Car(-1, 10, -8, NORTH, 1.4, (0.6, 0.6, 1.7), AgentKind.PEDESTRIAN)
    return make_scenario([WEST_EAST], [Car(0, -25, 0, 0, 8), walker], 15.0)


def test_cars_let_a_pedestrian_cross() -> None:
    world, states = _driven(_walker)
    assert not collides(world, states)
    assert states[-1].pose[0, 0, 0] > 15


RAMP = np.concatenate((straight(-100, -30, -10, -3)[:-1], straight(-10, -3, 100, 0)))


def _ramp() -> Scenario:
    cars = [Car(0, -40 - 14 * k, 0, 0, 9) for k in range(3)]
    cars += [Car(1, float(RAMP[k][0]), float(RAMP[k][1]), 0.29, 9) for k in (58, 40)]
    return make_scenario([WEST_EAST, RAMP], cars, 25.0, [10, 0])


def test_ramp_merges_without_collision() -> None:
    world, states = _driven(_ramp)
    assert not collides(world, states)


def _bus() -> Scenario:
    x, y = (float(value) for value in RAMP[70])
    cars = [Car(0, -30, 0, 0, 4, (12.0, 2.5, 3.2)), Car(1, x, y, 0.29, 4)]
    return make_scenario([WEST_EAST, RAMP], cars, 20.0, [10, 0])


def test_who_lets_a_bus_in_rolls_on_towards_the_merge() -> None:
    # Both at 4 m/s, side by side, 30 m before the lanes meet, nobody to cross: the bus needs 12 m of
    # lead, and time enough to get it. Standing still there would hold up everyone behind.
    world, states = _driven(_bus)
    assert not collides(world, states)
    assert min(float(state.speed_mps[0, 1]) for state in states) > 1.0


def test_nan_in_padding_changes_nothing() -> None:
    alone = make_scenario(
        [WEST_EAST, SOUTH_NORTH], [Car(0, -50, 0, 0, 10), Car(1, 0, -45, NORTH, 9)], 6.0
    )
    crowd = make_scenario([WEST_EAST], [Car(0, -60 - 15 * k, 0, 0, 10) for k in range(3)], 6.0)
    _, expected = drive_all(alone)
    world = World.from_scenarios([alone, crowd], maps=False)
    traffic = IdmTraffic.of(world, drives_ego=True)
    world.size_m[0, 2:] = torch.nan
    world.log.pose[0, 2:] = torch.nan
    world.log.velocity_mps[0, 2:] = torch.nan
    world.paths.frame[1, 1:] = torch.nan
    for mine, truth in zip(drive(world, traffic), expected, strict=True):
        torch.testing.assert_close(mine.pose[0, :2], truth.pose[0], rtol=0, atol=1e-5)
    assert not torch.isnan(mine.pose[1, :3]).any()
