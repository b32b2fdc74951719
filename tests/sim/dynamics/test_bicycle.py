"""Vehicle models against integrators from scipy, closed forms and values worked out by hand."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from sim.dynamics.bicycle import (
    ACCELERATION_LAG_S,
    MAX_STEERING_RAD,
    BicycleState,
    bicycle_step,
    center_of,
    rear_of,
)
from sim.dynamics.unicycle import unicycle_step
from sim.interface import Plan
from sim.simulator import Simulator
from sim.world import World, WorldState
from tests.toy import Car, make_scenario, straight

WHEELBASE_M = 2.8


def _car(
    speed: float = 0.0, acceleration: float = 0.0, steering: float = 0.0, yaw: float = 0.0
) -> BicycleState:
    def scalar(value: float) -> Tensor:
        return torch.tensor(value, dtype=torch.float64)

    pose = torch.tensor((0.0, 0.0, yaw), dtype=torch.float64)
    return BicycleState(pose, scalar(speed), scalar(acceleration), scalar(steering))


def _run(
    car: BicycleState, acceleration: float, rate: float, steps: int, dt: float = 0.1
) -> BicycleState:
    command = torch.full_like(car.speed_mps, acceleration)
    wheelbase = torch.full_like(car.speed_mps, WHEELBASE_M)
    for _ in range(steps):
        car = bicycle_step(car, command, torch.full_like(command, rate), wheelbase, dt)
    return car


def test_rear_axle_is_half_a_wheelbase_behind_the_centre() -> None:
    # Facing north at (1, 2), wheelbase 3: the rear axle is at (1, 0.5).
    center, wheelbase = torch.tensor((1.0, 2.0, math.pi / 2)), torch.tensor(3.0)
    rear = rear_of(center, wheelbase)
    assert torch.allclose(rear, torch.tensor((1.0, 0.5, math.pi / 2)))
    assert torch.allclose(center_of(rear, wheelbase), center)


def _truth(speed: float, steering: float, command: float, seconds: float) -> np.ndarray:
    """x, y, yaw, speed, acceleration of the bicycle with a lag, by a fine Runge-Kutta."""

    def flow(_: float, z: np.ndarray) -> list[float]:
        yaw_rate = z[3] * math.tan(steering) / WHEELBASE_M
        change = (command - z[4]) / ACCELERATION_LAG_S
        return [z[3] * math.cos(z[2]), z[3] * math.sin(z[2]), yaw_rate, z[4], change]

    start = [0.0, 0.0, 0.3, speed, 0.0]
    return solve_ivp(flow, (0.0, seconds), start, rtol=1e-10, atol=1e-12).y[:, -1]


@pytest.mark.parametrize(("steering", "command"), [(0.0, 2.0), (0.15, 2.0), (-0.3, -1.5)])
def test_bicycle_converges_to_the_differential_equation(steering: float, command: float) -> None:
    truth = _truth(7.0, steering, command, 3.0)
    errors = []
    for dt in (0.02, 0.01, 0.005):
        car = _run(_car(7.0, 0.0, steering, yaw=0.3), command, 0.0, round(3.0 / dt), dt)
        ours = np.array((*car.rear_pose.tolist(), float(car.speed_mps)))
        errors.append(np.abs(ours - truth[:4]).max())
    # The lag is first order, so the error halves with the step.
    assert errors[-1] < 0.02
    assert 1.8 < errors[0] / errors[1] < 2.2
    assert 1.8 < errors[1] / errors[2] < 2.2


def test_acceleration_follows_its_command_with_a_lag() -> None:
    # lag = 0.1 / (0.1 + 0.2) = 1/3 a step: after k steps a = 3 (1 - (2/3)^k) = 3 * 19/27 at k = 3.
    assert float(_run(_car(10.0), 3.0, 0.0, 3).acceleration_mps2) == pytest.approx(3 * 19 / 27)


def test_commands_are_limited() -> None:
    # Commands of +-100 become 4 and -8; one step of lag takes a third of that.
    assert float(_run(_car(10.0), 100.0, 0.0, 1).acceleration_mps2) == pytest.approx(4 / 3)
    assert float(_run(_car(10.0), -100.0, 0.0, 1).acceleration_mps2) == pytest.approx(-8 / 3)
    # A rate of 0.3 moves the wheels by 0.3 * 0.1 * 0.1 / 0.15 = 0.02 a step; 9 counts as 1.
    assert float(_run(_car(1.0), 0.0, 0.3, 5).steering_rad) == pytest.approx(0.1)
    assert float(_run(_car(1.0), 0.0, 9.0, 3).steering_rad) == pytest.approx(0.2)
    assert float(_run(_car(0.0), 0.0, -1.0, 100).steering_rad) == pytest.approx(-MAX_STEERING_RAD)


def test_braking_to_a_stop_does_not_reverse() -> None:
    car = _run(_car(3.0), -4.0, 0.0, 50)
    assert float(car.speed_mps) == 0.0
    # Stopping from 3 m/s at 4 m/s2 takes 1.1 m, the lag of 0.2 s about 0.6 m more.
    assert 1.1 < float(car.rear_pose[0]) < 2.0


def test_batch_of_any_shape_equals_each_alone() -> None:
    g = torch.Generator().manual_seed(0)
    pose, rest = torch.randn(2, 3, 3, generator=g), torch.rand(5, 2, 3, generator=g)
    car = BicycleState(pose, 10 * rest[0], rest[1], 0.3 * rest[2])
    wheelbase = torch.tensor(((2.5,), (4.0,)))
    both = bicycle_step(car, 3 * rest[3], rest[4], wheelbase, 0.1)
    for i in range(2):
        for j in range(3):
            one = BicycleState(
                pose[i, j], car.speed_mps[i, j], car.acceleration_mps2[i, j], car.steering_rad[i, j]
            )
            alone = bicycle_step(one, 3 * rest[3, i, j], rest[4, i, j], wheelbase[i, 0], 0.1)
            assert torch.allclose(alone.rear_pose, both.rear_pose[i, j])
            assert torch.allclose(alone.speed_mps, both.speed_mps[i, j])


def test_unicycle_walks_an_arc_and_turns_on_the_spot() -> None:
    # 1.5 m/s at 0.5 rad/s for 2 s: the arc of radius 3 m through 1 rad.
    pose = torch.zeros(3, dtype=torch.float64)
    speed, rate = (torch.tensor(v, dtype=torch.float64) for v in (1.5, 0.5))
    zero = torch.zeros_like(speed)
    for _ in range(20):
        pose, speed = unicycle_step(pose, speed, zero, rate, 0.1)
    expected = torch.tensor((3 * math.sin(1.0), 3 * (1 - math.cos(1.0)), 1.0), dtype=torch.float64)
    assert torch.allclose(pose, expected, atol=1e-3)
    turned, still = unicycle_step(pose, zero, zero - 1.0, rate, 0.1)
    assert float(still) == 0.0
    assert torch.equal(turned[:2], pose[:2])
    assert float(turned[2]) == pytest.approx(1.05)


def _tracked(
    trajectory: Tensor, dt_s: float, exact: bool, speed: float = 8.0
) -> tuple[World, WorldState]:
    scenario = make_scenario(
        [straight(-60, 0, 200, 0)], [Car(0, 0, 0, 0, speed, (5.0, 2.0, 1.6))], 1.0
    )
    simulator = Simulator.from_scenarios([scenario], "log")
    plan = Plan(trajectory.unsqueeze(0), dt_s, "exact" if exact else "lqr")
    return simulator.world, simulator.step(simulator.reset(), plan)


def test_exact_tracking_jumps_to_the_first_entry() -> None:
    first = torch.tensor(((0.9, 0.1, 0.2, 9.0, 0.05), (2.0, 0.3, 0.3, 9.0, 0.05)))
    world, state = _tracked(first, 0.1, exact=True)
    assert torch.allclose(state.pose[0, 0], torch.tensor((0.9, 0.1, 0.2)))
    assert float(state.speed_mps[0, 0]) == pytest.approx(9.0)
    assert float(state.acceleration_mps2[0, 0]) == pytest.approx(10.0, abs=1e-4)  # 1 m/s in 0.1 s
    # The steering angle of that curvature: tan(s) = 0.05 * wheelbase (0.6 of 5 m).
    assert float(world.wheelbase_m[0, 0]) == pytest.approx(3.0)
    assert math.tan(float(state.ego_steering_rad[0])) == pytest.approx(0.15)


def _ramp_plan(dt_s: float, num: int, law: Callable[[Tensor], Tensor]) -> Tensor:
    time = torch.arange(1, num + 1) * dt_s
    zero = torch.zeros_like(time)
    return torch.stack((8 * time + 0.5 * time**2, law(time), zero, 8 + time, zero), dim=-1)


@pytest.mark.parametrize("exact", [True, False])
def test_a_plan_of_2_hz_is_tracked_as_the_same_plan_of_10_hz(exact: bool) -> None:
    # 8 m/s and 1 m/s2: after 0.1 s the exact ego is at 0.805 m by 10 Hz; interpolated linearly
    # over half a second it is at a fifth of 4.125 m, within a a_max T^2 / 8 = 3 cm of that.
    fine = _tracked(_ramp_plan(0.1, 40, torch.zeros_like), 0.1, exact)[1]
    coarse = _tracked(_ramp_plan(0.5, 8, torch.zeros_like), 0.5, exact)[1]
    assert torch.allclose(fine.pose[:, 0], coarse.pose[:, 0], atol=0.032)
    assert torch.allclose(fine.speed_mps[:, 0], coarse.speed_mps[:, 0], atol=1e-3)


def test_a_plan_of_one_entry_is_held() -> None:
    short = _tracked(_ramp_plan(0.1, 1, torch.zeros_like), 0.1, exact=False)[1]
    entry = _ramp_plan(0.1, 1, torch.zeros_like)
    held = _tracked(entry.expand(10, -1), 0.1, exact=False)[1]
    assert torch.equal(short.pose, held.pose)
