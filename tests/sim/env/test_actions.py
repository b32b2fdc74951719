"""What actions mean, worked out by hand."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from sim.dynamics.bicycle import MAX_STEERING_RAD
from sim.env.actions import ActionGrid, PedalsAndWheel, actions_of, checked_actions
from sim.errors import InputError
from sim.interface import EgoState
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

# Cars 4 m long have a wheelbase of 2.4 m. At 10 m/s full lock bends with 6 m/s2:
# tan(steering) = 6 * 2.4 / 100. Standing, it is the bicycle's limit.
FULL_RAD = float(torch.atan(torch.tensor(6 * 2.4 / 100)))


@pytest.fixture(scope="module")
def ego() -> EgoState:
    """Two worlds: one at 10 m/s, one that stands; both steer straight ahead."""
    cars = [make_scenario([straight(-30, 0, 90, 0)], [Car(0, 0, 0, 0, v)]) for v in (10.0, 0.0)]
    simulator = Simulator.from_scenarios(cars, "log")
    return simulator.ego_state(simulator.reset())


def test_pedals_and_a_wheel(ego: EgoState) -> None:
    asked = PedalsAndWheel().controls(torch.tensor(((0.5, 1.0), (-0.5, -2.0))), ego, 0.1)
    assert asked.acceleration_mps2.tolist() == pytest.approx([2.0, -4.0])
    assert asked.steering_rate_radps.tolist() == pytest.approx(
        [FULL_RAD / 0.1, -MAX_STEERING_RAD / 0.1]
    )
    turned = torch.full((2,), 0.3)
    bent = EgoState(ego.speed_mps, ego.acceleration_mps2, turned, ego.size_m, ego.wheelbase_m)
    asked = PedalsAndWheel().controls(torch.zeros(2, 2), bent, 0.1)
    assert asked.steering_rate_radps.tolist() == pytest.approx([-3.0, -3.0])


def test_a_grid_counts_wheels_first(ego: EgoState) -> None:
    grid = ActionGrid((-3.0, 0.0, 1.5), (-1.0, 1.0))
    assert grid.space == spaces.Discrete(6)
    asked = grid.controls(torch.tensor((5, 0)), ego, 0.1)  # the last of both; the first of both
    assert asked.acceleration_mps2.tolist() == [1.5, -3.0]
    assert asked.steering_rate_radps.tolist() == pytest.approx(
        [FULL_RAD / 0.1, -MAX_STEERING_RAD / 0.1]
    )
    asked = grid.controls(torch.tensor((2, 3)), ego, 0.1)
    assert asked.acceleration_mps2.tolist() == [0.0, 0.0]
    assert (asked.steering_rate_radps < 0.0).tolist() == [True, False]


def test_actions_of_ones_own() -> None:
    class Brake:
        space = spaces.Discrete(2)

        def controls(self, action, ego, dt_s):
            raise NotImplementedError

    own = Brake()
    assert actions_of(own) is own
    Brake.space = spaces.MultiBinary(2)
    with pytest.raises(InputError, match="actions: space: expected a Box or a Discrete"):
        actions_of(own)


@pytest.mark.parametrize(
    ("accelerations_mps2", "wheels", "reason"),
    [
        ((), (0.0,), "accelerations_mps2: expected numbers from -8 to 4"),
        ((5.0,), (0.0,), "accelerations_mps2: expected numbers from -8 to 4"),
        ((0.0,), (0.0, float("nan")), "wheels: expected numbers from -1 to 1"),
    ],
)
def test_grids_that_are_none(accelerations_mps2, wheels, reason: str) -> None:
    with pytest.raises(InputError, match=f"actions: {reason}"):
        ActionGrid(accelerations_mps2, wheels)


@pytest.mark.parametrize(
    ("space", "given", "reason"),
    [
        (spaces.Discrete(6), np.array((0, 6)), "not a whole number below 6 in world 1: 6"),
        (spaces.Discrete(6), np.array((-1, 0)), "not a whole number below 6 in world 0: -1"),
        (spaces.Discrete(6), np.array((0.5, 0)), "not a whole number below 6 in world 0: 0.5"),
        (spaces.Discrete(6), np.zeros((2, 1)), r"shape \(2, 1\), expected \(2,\)"),
        (spaces.Discrete(6), ["left", "right"], r"not numbers of shape \(2,\)"),
        (PedalsAndWheel().space, np.full((2, 2), np.inf), "not finite in world 0"),
        (PedalsAndWheel().space, np.zeros(2), r"shape \(2,\), expected \(2, 2\)"),
    ],
)
def test_actions_that_are_none(space, given, reason: str) -> None:
    with pytest.raises(InputError, match=f"action: {reason}"):
        checked_actions(space, given, 2)
