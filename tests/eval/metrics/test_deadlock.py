"""Who waits for whom, by hand: cars 4 x 2 m that stand, ways of 20 m before their bumpers."""

import math

import numpy as np
import pytest
import torch

from eval.metrics.deadlock import deadlock
from eval.rollout import Rollout
from sim.scenario import LightState, StopKind, StopLine
from sim.world import World
from tests.toy import Car, make_scenario, straight

EAST, WEST = straight(-50, 0, 100, 0), straight(100, 0.5, -50, 0.5)
NORTH = straight(10, -50, 10, 100)
EGO = Car(0, 0, 0)
ONCOMING = Car(1, 12, 0.5, math.pi)
FROM_SOUTH = Car(2, 10, -10, math.pi / 2)


def _stand(*cars: Car, seconds: float = 15.0, light: int | None = None) -> Rollout:
    """Everybody holds its speed. `light`: of a line 3 m before the ego's front bumper."""
    lines, states = None, None
    if light is not None:
        lines = [StopLine(np.array(((5.0, -2.0), (5.0, 2.0))), StopKind.SIGNAL, (0,), 0)]
        states = np.full((1, round(seconds / 0.1) + 1), light)
    scenario = make_scenario(
        [EAST, WEST, NORTH], [EGO, *cars], seconds, stop_lines=lines, light_state=states
    )
    world = World.from_scenarios([scenario], maps=False)
    pose = world.log.pose.transpose(1, 2)
    return Rollout(
        world=world,
        dt_s=0.1,
        active=torch.ones(pose.shape[:2], dtype=torch.bool),
        pose=pose,
        velocity_mps=world.log.velocity_mps.transpose(1, 2),
        acceleration_mps2=torch.zeros(pose.shape[:3]),
        valid=world.log.valid.transpose(1, 2),
        ego_steering_rad=torch.zeros(pose.shape[:2]),
        plan=pose[:, :, :1],
    )


def _value(*cars: Car, **kind) -> float:
    return float(deadlock(_stand(*cars, **kind)).value[0])


def test_face_to_face() -> None:
    result = deadlock(_stand(ONCOMING))
    assert result.value.tolist() == [1.0]
    course = result.per_step[0]
    assert course[:100].sum() == 0.0 and course[100:].all()  # from the 10th second on


def test_less_than_ten_seconds_are_none() -> None:
    assert _value(ONCOMING, seconds=9.5) == 0.0


def test_who_rolls_stands_in_nobodys_way() -> None:
    rolls = Car(1, 19, 0.5, math.pi, 0.3)
    assert _value(rolls) == 0.0


def test_behind_a_standing_car_is_none() -> None:
    assert _value(Car(0, 8, 0)) == 0.0


def test_a_parked_car_is_no_partner() -> None:
    assert _value(Car(-1, 12, 0.5, math.pi)) == 0.0


def test_ways_that_cross() -> None:
    assert _value(FROM_SOUTH) == 1.0
    assert _value(Car(2, 10, -24, math.pi / 2)) == 0.0  # its way ends 4 m short


def test_whose_way_is_blocked_before_the_crossing_waits_for_another() -> None:
    assert _value(FROM_SOUTH, Car(-1, 10, -5, math.pi / 2)) == 0.0


@pytest.mark.parametrize(
    ("light", "expected"),
    [(LightState.RED, 0.0), (LightState.YELLOW, 0.0), (LightState.GREEN, 1.0)],
)
def test_a_red_light_is_no_deadlock(light: LightState, expected: float) -> None:
    assert _value(ONCOMING, light=int(light)) == expected


def test_nobody_else() -> None:
    assert _value() == 0.0
