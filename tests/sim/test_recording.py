"""Any instant of the recording as a state to go on from."""

import math

import numpy as np
import torch

from sim.dynamics.bicycle import Controls
from sim.recording import recorded_past, recorded_state
from sim.scenario import Scenario
from sim.simulator import Simulator
from sim.world import World
from tests.toy import Car, make_scenario, straight

RADIUS_M, START_MPS, PUSH_MPS2 = 20.0, 4.0, 1.5


def _circling() -> Scenario:
    """The ego speeds up on a circle; a car drives straight until 1 s, then stands."""
    angle = np.arange(0.0, 3.0, 1.0 / RADIUS_M)
    arc = RADIUS_M * np.stack((np.sin(angle), 1 - np.cos(angle)), axis=-1)
    cars = [Car(0, 0, 0, 0, START_MPS), Car(1, -40, 30, 0, 5.0)]
    scenario = make_scenario([arc, straight(-50, 30, 80, 30)], cars, 4.0)
    time = np.arange(41) * 0.1
    turned = (START_MPS * time + 0.5 * PUSH_MPS2 * time**2) / RADIUS_M
    speed = START_MPS + PUSH_MPS2 * time
    tracks = scenario.tracks
    tracks.position_m[0, :, 0] = RADIUS_M * np.sin(turned)
    tracks.position_m[0, :, 1] = RADIUS_M * (1 - np.cos(turned))
    tracks.yaw_rad[0] = turned
    tracks.velocity_mps[0] = speed[:, None] * np.stack((np.cos(turned), np.sin(turned)), axis=-1)
    tracks.position_m[1, 10:, 0] = tracks.position_m[1, 10, 0]
    tracks.velocity_mps[1, 10:] = 0.0
    return scenario


def test_motion_at_an_instant() -> None:
    world = World.from_scenarios([_circling()], maps=False)
    state = recorded_state(world, torch.tensor([20]))
    assert torch.equal(state.pose, world.log.pose[:, :, 20])
    assert abs(float(state.acceleration_mps2[0, 0]) - PUSH_MPS2) < 1e-3
    # The bicycle whose path has that curvature: tan(steering) = wheelbase / radius.
    assert abs(math.tan(float(state.ego_steering_rad[0])) - 2.4 / RADIUS_M) < 1e-3
    # 4 t + 0.75 t^2 at 2 s: 11 m along the circle; the car has come 5 m, from 10 m on, and stood 1 s.
    assert torch.allclose(state.path_s_m, torch.tensor([[11.0, 15.0]]), atol=0.05)
    assert torch.allclose(state.waited_s, torch.tensor([[0.0, 1.1]]), atol=0.11)


def test_who_has_left_and_who_is_still_to_come() -> None:
    scenario = make_scenario([straight(-50, 0, 80, 0)], [Car(0, 0, 0), *[Car(0, 20, 0)] * 2], 1.0)
    scenario.tracks.valid[1, :6] = False
    scenario.tracks.valid[2, 4:] = False
    world = World.from_scenarios([scenario], maps=False)
    state = recorded_state(world, torch.tensor([5]))
    assert state.valid.tolist() == [[True, False, False]]
    assert float(state.path_s_m[0, 1]) == -1.0  # traffic lets it in when its time comes
    assert float(state.path_s_m[0, 2]) > 0.0  # and this one not again


def test_the_past_before_the_start_is_not_known() -> None:
    world = World.from_scenarios([_circling()], maps=False)
    past = recorded_past(world, torch.tensor([2]), 4)
    assert past.known.tolist() == [[False, False, True, True, True]]
    for h, instant in enumerate((0, 0, 0, 1, 2)):
        assert torch.equal(past.pose[:, :, h], world.log.pose[:, :, instant])


def test_driving_on_from_the_middle_is_what_driving_through_would_be() -> None:
    # Replayed traffic at step 20 + 10 is where the recording is at step 30.
    simulator = Simulator.from_scenarios([_circling()], "log")
    state = simulator.reset(torch.tensor([20]))
    for _ in range(10):
        state = simulator.step(state, Controls(torch.tensor([PUSH_MPS2]), torch.zeros(1)))
    assert int(state.step) == 30
    assert torch.equal(state.pose[:, 1], simulator.world.log.pose[:, 1, 30])
    # The ego kept its wheel and its push: it goes on round the circle. A bicycle's box points
    # 1.2 m / 20 m = 0.06 rad less far round it than its course does, which this recording ignores:
    # 0.35 m over the 5.9 m that it has come.
    assert (state.pose[0, 0, :2] - simulator.world.log.pose[0, 0, 30, :2]).norm() < 0.5
