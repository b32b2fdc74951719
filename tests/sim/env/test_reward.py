"""Every term of the reward on scenes small enough to work out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from sim.env.reward import RewardWeights, StepEvents
from sim.scenario import LightState, StopKind, StopLine
from sim.world import World, WorldState
from tests.toy import Car, make_scenario, straight

ROAD = straight(-30, 0, 150, 0)  # 3.5 m wide


def _world(*cars: Car, light: LightState | None = None) -> World:
    """Cars on a straight road of 180 m; with a light, its line is at x = 20."""
    stops, state = None, None
    if light is not None:
        stops = [StopLine(np.array(((20.0, -1.75), (20.0, 1.75))), StopKind.SIGNAL, (0,), 0)]
        state = np.full((1, 101), int(light))
    scenario = make_scenario([ROAD], list(cars), stop_lines=stops, light_state=state)
    return World.from_scenarios([scenario])


def _terms(
    world: World, events: StepEvents, weights: RewardWeights | None = None
) -> dict[str, torch.Tensor]:
    start = world.reset()
    return (weights or RewardWeights())(events, world, start, start)


def _at(world: World, x_m: float, y_m: float = 0.0, yaw: float = 0.0) -> WorldState:
    """The start, with the ego elsewhere."""
    start = world.reset()
    pose = start.pose.clone()
    pose[0, 0] = torch.tensor((x_m, y_m, yaw))
    return replace(start, pose=pose)


def test_progress_is_the_part_of_the_way_along_the_route() -> None:
    world = _world(Car(0, 0, 0))
    # 0.8 m at 30 degrees to the route: 0.8 cos(30) of it.
    turn = math.radians(30)
    after = _at(world, 10 + 0.8 * math.cos(turn), 0.8 * math.sin(turn), turn)
    events = StepEvents.between(world, _at(world, 10), after)
    assert float(events.progress_m) == pytest.approx(0.8 * math.cos(turn), abs=1e-5)
    backwards = StepEvents.between(world, _at(world, 10), _at(world, 9.5))
    assert float(backwards.progress_m) == pytest.approx(-0.5, abs=1e-5)
    terms = _terms(world, backwards)
    assert float(terms["progress"]) == pytest.approx(-0.05, abs=1e-6)
    assert float(sum(terms.values())) == pytest.approx(-0.05, abs=1e-6)


def test_a_collision_counts_once() -> None:
    # Boxes 4 m long: they touch at 4 m between the centres.
    world = _world(Car(0, 0, 0), Car(-1, 20.0, 0))
    clear, hit, deeper = _at(world, 15.9), _at(world, 16.1), _at(world, 16.5)
    assert not StepEvents.between(world, _at(world, 15.5), clear).collided
    events = StepEvents.between(world, clear, hit)
    assert events.collided and not StepEvents.between(world, hit, deeper).collided
    terms = _terms(world, events)
    assert float(terms["collision"]) == -10.0
    assert float(sum(terms.values())) == pytest.approx(-10.0 + 0.1 * 0.2, abs=1e-4)


def test_a_collision_of_others_is_none_of_the_egos() -> None:
    world = _world(Car(0, 0, 0), Car(-1, 20.0, 0), Car(-1, 21.0, 0))
    assert not StepEvents.between(world, _at(world, 5), _at(world, 5.5)).collided


def test_off_the_road() -> None:
    # A car 2 m wide on a road 3.5 m wide has 0.75 m to each side; the map is right to centimetres.
    world = _world(Car(0, 0, 0))
    inside, outside = _at(world, 10, 0.65), _at(world, 10, 0.85)
    assert not StepEvents.between(world, _at(world, 10), inside).offroad
    events = StepEvents.between(world, inside, outside)
    assert events.offroad and not StepEvents.between(world, outside, outside).offroad
    assert float(_terms(world, events)["offroad"]) == -10.0


@pytest.mark.parametrize(
    ("light", "x0", "x1", "expected"),
    [
        (LightState.RED, 17.8, 18.2, True),  # the front, 2 m ahead, goes from 19.8 to 20.2
        (LightState.RED, 17.2, 17.8, False),  # not yet
        (LightState.RED, 18.2, 18.6, False),  # it was over before
        (LightState.RED, 18.2, 17.8, False),  # backwards
        (LightState.GREEN, 17.8, 18.2, False),
        (LightState.YELLOW, 17.8, 18.2, False),
    ],
)
def test_running_a_red_light(light: LightState, x0: float, x1: float, expected: bool) -> None:
    world = _world(Car(0, 0, 0), light=light)
    events = StepEvents.between(world, _at(world, x0), _at(world, x1))
    assert bool(events.ran_red) is expected
    red = float(_terms(world, events)["red_line"])
    assert red == (-5.0 if expected else 0.0)


def test_discomfort_is_the_square_of_the_acceleration() -> None:
    # 3 m/s2 along; across v^2 tan(steering) / L = 100 * 0.096 / 2.4 = 4 m/s2: 25 / 16 together.
    world = _world(Car(0, 0, 0, 0, 10.0))
    after = replace(
        _at(world, 1.0),
        acceleration_mps2=torch.full((1, 1), 3.0),
        ego_steering_rad=torch.tensor([math.atan(0.096)]),
    )
    events = StepEvents.between(world, _at(world, 0.0), after)
    assert float(events.discomfort) == pytest.approx(25 / 16, rel=1e-4)
    terms = _terms(world, events)
    assert float(terms["discomfort"]) == pytest.approx(-0.1 * 0.1 * 25 / 16, rel=1e-4)
    assert float(sum(terms.values())) == pytest.approx(0.1 * 1.0 - 0.015625, rel=1e-3)


def test_speeding_is_what_is_over_the_limit() -> None:
    # 12.5 m/s where 10 are allowed: 0.2 a second and m/s.
    world = _world(Car(0, 0, 0, 0, 12.5))
    events = StepEvents.between(world, _at(world, 10), _at(world, 11.25))
    assert float(events.speeding_mps) == pytest.approx(2.5)
    terms = _terms(world, events)
    assert float(terms["speeding"]) == pytest.approx(-0.2 * 0.1 * 2.5)
    assert float(sum(terms.values())) == pytest.approx(0.1 * 1.25 - 0.05, abs=1e-5)


def test_the_end_of_the_route() -> None:
    world = _world(Car(0, 0, 0))
    assert not StepEvents.between(world, _at(world, 147), _at(world, 147.9)).arrived
    assert StepEvents.between(world, _at(world, 147.5), _at(world, 148.1)).arrived


def test_weights_are_the_users() -> None:
    world = _world(Car(0, 0, 0))
    events = StepEvents.between(world, _at(world, 10), _at(world, 10.5, 3.0))
    weights = RewardWeights(progress=2.0, offroad=-7.0)
    assert float(sum(_terms(world, events, weights).values())) == pytest.approx(
        2.0 * 0.5 - 7.0, abs=1e-4
    )
