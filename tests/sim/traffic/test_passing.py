"""Drivers who pass what stands in their lane for good, and who back up before one another."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

import sim.benchmarks
from sim import trees
from sim.geometry import polyline
from sim.paths.build import build_paths
from sim.scenario import LightState, Scenario, StopKind, StopLine
from sim.styles import uniform_styles
from sim.traffic.backing import PATIENCE_S
from sim.traffic.idm import IdmTraffic
from sim.traffic.road_room import road_room_m
from sim.world import World, WorldState
from tests.sim.traffic.drives import collides
from tests.toy import Car, make_scenario, straight

EAST, WEST = straight(-100, 0, 450, 0), straight(450, 3.5, -100, 3.5)
LEFT_LANE = straight(-100, 3.5, 450, 3.5)
PARKED = Car(-1, 60, 0)
BEHIND = Car(0, 54, 0)  # 2 m behind it, the minimum gap
ONCOMING = [Car(1, 60 + 25.0 * k, 3.5, math.pi, 8.0) for k in range(4)]
STOOD_S = 18.5  # before the drives begin
LOSES_PATIENCE = round((PATIENCE_S - STOOD_S) / 0.1)  # the step in which everybody does


def _scene(lines: list[np.ndarray], cars: list[Car], duration_s: float = 22.0, **more) -> Scenario:
    return make_scenario(lines, cars, duration_s, styles=uniform_styles(len(cars)), **more)


@cache
def _all_driven() -> tuple[World, list[WorldState]]:
    """All scenes beside one another; who stands has done so for a while."""
    world = World.from_scenarios([scene() for scene in SCENES], maps=False)
    traffic = IdmTraffic.of(world, drives_ego=True)
    state = world.reset()
    states = [replace(state, waited_s=torch.full_like(state.waited_s, STOOD_S))]
    for _ in range(world.num_steps):
        states.append(traffic.act(world, states[-1]))
    return world, states


def _driven(scene: Callable[[], Scenario]) -> tuple[World, list[WorldState]]:
    """The scene that a function of this module makes."""
    world, states = _all_driven()
    row = torch.tensor([SCENES.index(scene)])
    return world.take(row), [trees.take(state, row) for state in states]


def _of(states: list[WorldState], agent: int, column: int) -> np.ndarray:
    return np.array([float(state.pose[0, agent, column]) for state in states])


def _two_lanes() -> Scenario:
    return _scene([LEFT_LANE, EAST], [Car(1, 54, 0), PARKED], beside=[(0, 1)])


def test_passes_on_the_lane_beside_once_it_has_lost_patience() -> None:
    world, states = _driven(_two_lanes)
    assert not collides(world, states)
    x = _of(states, 0, 0)
    assert np.abs(x[:LOSES_PATIENCE] - 54.0).max() < 1.5
    assert x[-1] > 75.0


def _one_lane() -> Scenario:
    return _scene([EAST, WEST], [BEHIND, PARKED])


def test_passes_through_the_oncoming_lane_and_returns() -> None:
    world, states = _driven(_one_lane)
    assert not collides(world, states)
    x, y = _of(states, 0, 0), _of(states, 0, 1)
    assert np.abs(y[:LOSES_PATIENCE]).max() < 0.01
    # Both are 2 m wide: it must be 2 m to the left at least, and its left side stays on 5.25 m of road.
    assert 2.0 < y[np.argmin(np.abs(x - 60.0))] < 4.25
    assert x[-1] > 75.0
    assert y[-1] == pytest.approx(0.0, abs=0.05)


def _oncoming() -> Scenario:
    return _scene([EAST, WEST], [BEHIND, PARKED, *ONCOMING])


def test_waits_for_a_gap_that_is_long_enough() -> None:
    # They come every 3.1 s; the last is beside the parked car after 75 / 8 = 9 s or later.
    world, states = _driven(_oncoming)
    assert not collides(world, states)
    y = _of(states, 0, 1)
    last = _of(states, len(ONCOMING) + 1, 0)
    beside = np.argmax(last < 62.0)
    assert beside > LOSES_PATIENCE + 50
    assert np.abs(y[:beside]).max() < 0.01
    assert _of(states, 0, 0)[-1] > 62.0


def _red_light() -> Scenario:
    """Red for good: those who wait there drive on when it says so, not around one another."""
    stop = StopLine(np.array(((60.0, -1.75), (60.0, 1.75))), StopKind.SIGNAL, (0,), light=0)
    light = np.full((1, 221), LightState.RED)
    cars = [Car(0, 57, 0), Car(0, 51, 0), Car(0, 45, 0)]
    return _scene([EAST, WEST], cars, stop_lines=[stop], light_state=light)


def test_nobody_passes_a_queue_at_a_light() -> None:
    _, states = _driven(_red_light)
    assert float(states[-1].waited_s[0, :3].min()) > PATIENCE_S + 10.0
    for agent in range(3):
        assert np.abs(_of(states, agent, 1)).max() < 0.01
        assert _of(states, agent, 0).max() < 60.0


def _squeezed(sign: float) -> np.ndarray:
    """Along x, and on the right but for 30 m in the middle, where both directions have one place."""
    knots = np.array(
        ((-80.0, -3.0), (-35.0, -3.0), (-15.0, 0.0), (15.0, 0.0), (35.0, -3.0), (80.0, -3.0))
    )
    return polyline.resample(sign * knots, 1.0)


def _face_to_face() -> Scenario:
    return _scene([_squeezed(1.0), _squeezed(-1.0)], [Car(0, -5, 0), Car(1, 1, 0, math.pi)])


def test_of_two_face_to_face_one_backs_up() -> None:
    # The first has 10 m back to the end of the narrow place and then some, the second 14 + 6 m.
    world, states = _driven(_face_to_face)
    assert not collides(world, states)
    slowest = [min(float(state.speed_mps[0, agent]) for state in states) for agent in range(2)]
    assert slowest[0] < -1.0
    assert slowest[1] == 0.0
    assert _of(states, 1, 0).min() < -60.0  # it drives on, and leaves at the end of its path


SCENES = (_two_lanes, _one_lane, _oncoming, _red_light, _face_to_face)


def test_room_beside_a_lane_by_hand() -> None:
    # Lanes 3.5 m wide, the other direction's on the left: half a lane to the right, one and a half left.
    scenario = _scene([EAST, WEST], [BEHIND], 1.0)
    room = road_room_m([scenario], build_paths([scenario]))[0, 0]
    assert room[0, 10].item() == pytest.approx(5.25, abs=0.01)
    assert room[1, 10].item() == pytest.approx(1.75, abs=0.01)


def test_nobody_loses_patience_in_a_benchmark() -> None:
    world = World.from_scenarios([_scene([EAST, WEST], [BEHIND, PARKED], 20.0)], maps=False)
    assert IdmTraffic.of(world).passing is None
    for listed in Path(sim.benchmarks.__file__).parent.glob("*.json"):
        assert json.loads(listed.read_text())["duration_s"] < PATIENCE_S
