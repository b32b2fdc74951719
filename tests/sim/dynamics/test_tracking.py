"""LQR against dense solves in numpy; the tracker in closed loop on a line, an arc and a ramp."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from sim.dynamics import tracking
from sim.dynamics.bicycle import center_of, rear_of
from sim.geometry import se2
from sim.interface import Plan
from sim.simulator import Simulator
from sim.world import WorldState
from tests.toy import Car, make_scenario, straight

N = tracking.HORIZON


def _kkt_steering_rate(
    speed: np.ndarray, bend: np.ndarray, start: np.ndarray, wheelbase: float
) -> float:
    """Minimise z_N' Q z_N + r u^2 over all states and u, the dynamics as equality constraints."""
    size = 3 * N + 1  # z_1..z_N, u
    hessian = np.zeros((size, size))
    hessian[3 * N - 3, 3 * N - 3], hessian[3 * N - 2, 3 * N - 2] = 2 * 1.0, 2 * 10.0
    hessian[-1, -1] = 2 * 1.0
    constraint, right = np.zeros((3 * N, size)), np.zeros(3 * N)
    for k in range(N):
        step = 0.1 * speed[k]
        a = np.array(((1, step, 0), (0, 1, step / wheelbase), (0, 0, 1)))
        rows = slice(3 * k, 3 * k + 3)
        constraint[rows, 3 * k : 3 * k + 3] = np.eye(3)
        constraint[rows, -1] = (0, 0, -0.1)
        right[rows] = (0, -step * bend[k], 0)
        if k == 0:
            right[rows] += a @ start
        else:
            constraint[rows, 3 * k - 3 : 3 * k] = -a
    zero = np.zeros((3 * N, 3 * N))
    kkt = np.block([[hessian, constraint.T], [constraint, zero]])
    return float(np.linalg.solve(kkt, np.concatenate((np.zeros(size), right)))[size - 1])


def _steering(gains: tracking.LateralGains, e: Tensor, h: Tensor, s: Tensor) -> Tensor:
    return -(gains.lateral * e + gains.heading * h + gains.steering * s + gains.constant)


def test_steering_rate_is_the_dense_kkt_solution() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        speed, bend = rng.uniform(0, 15, N), rng.uniform(-0.2, 0.2, N)
        start, wheelbase = rng.normal(size=3) * (1.0, 0.2, 0.2), rng.uniform(2, 5)
        gains = tracking.lateral_gains(
            torch.tensor(speed), torch.tensor(bend), torch.tensor(wheelbase, dtype=torch.float64)
        )
        ours = float(_steering(gains, *torch.tensor(start)))
        assert ours == pytest.approx(_kkt_steering_rate(speed, bend, start, wheelbase), abs=1e-9)


def test_batch_of_gains_equals_each_alone() -> None:
    g = torch.Generator().manual_seed(1)
    speed, bend = 10 * torch.rand(3, 4, N, generator=g), 0.1 * torch.randn(3, 4, N, generator=g)
    wheelbase = 2 + torch.rand(3, generator=g)
    both = tracking.lateral_gains(speed, bend, wheelbase[:, None, None])
    for i in range(3):
        for j in range(4):
            one = tracking.lateral_gains(speed[i, j], bend[i, j], wheelbase[i])
            assert torch.allclose(one.lateral, both.lateral[i, j])
            assert torch.allclose(one.constant, both.constant[i, j])


def test_errors_are_measured_in_the_reference_frame() -> None:
    # A reference that heads north: 1 m to its left is 1 m west; 0.1 rad too far left.
    one, nothing = torch.tensor(1.0), torch.tensor(0.0)
    reference = torch.tensor((5.0, 5.0, math.pi / 2))
    pose = torch.tensor((4.0, 7.0, math.pi / 2 + 0.1))
    for gains, expected in (
        (tracking.LateralGains(one, nothing, nothing, nothing), -1.0),
        (tracking.LateralGains(nothing, one, nothing, nothing), -0.1),
    ):
        rate = tracking.steering_rate_command(pose, nothing, reference, gains)
        assert float(rate) == pytest.approx(expected, abs=1e-6)


def test_acceleration_is_the_least_squares_solution() -> None:
    # 10 (v + a - v_ref)^2 + a^2 as two equations in a.
    for speed, final in ((8.0, 10.0), (12.0, 5.0)):
        design, target = np.array(((math.sqrt(10),), (1.0,))), [math.sqrt(10) * (final - speed), 0]
        truth = np.linalg.lstsq(design, np.array(target), rcond=None)[0][0]
        ours = tracking.acceleration_command(
            torch.tensor(speed), torch.tensor(final), torch.tensor(9.0)
        )
        assert float(ours) == pytest.approx(truth, abs=1e-5)


def test_a_stop_within_the_horizon_ends_where_it_should() -> None:
    # 4 m/s and 2 m to go: v^2 / (2 d) = 4 m/s2; 20 m to go: the law of the speed, 40/11.
    def command(distance: float) -> float:
        speed, final = torch.tensor(4.0), torch.tensor(0.0)
        return float(tracking.acceleration_command(speed, final, torch.tensor(distance)))

    assert command(2.0) == pytest.approx(-4.0)
    assert command(20.0) == pytest.approx(-40 / 11)


# A line: the pose of the rear axle [..., 3] at arc lengths, and the arc length beside a position.
Line = tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]


def _follow(
    line: Line, curvature: float, accelerate: float, start: Car, seconds: float = 10.0
) -> WorldState:
    """Drive by plans that restart, at every step, at the place on `line` beside the rear axle."""
    scenario = make_scenario([straight(-60, 0, 300, 0)], [start], seconds)
    simulator = Simulator.from_scenarios([scenario], "log")
    world = simulator.world
    wheelbase = world.wheelbase_m[0, :1]
    state, (pose_at, beside) = simulator.reset(), line
    ahead = torch.arange(1, 41) * 0.1
    for _ in range(world.num_steps):
        s = beside(rear_of(state.pose[0, :1], wheelbase)[0])
        wanted = (state.speed_mps[0, 0] + accelerate * ahead).clamp(max=12.0)
        center = center_of(pose_at(s + 0.1 * wanted.cumsum(0)), wheelbase)
        pose = se2.compose(se2.inverse(state.pose[0, 0]), center)
        rest = torch.stack((wanted, torch.full_like(wanted, curvature)), dim=-1)
        state = simulator.step(state, Plan(torch.cat((pose, rest), dim=-1).unsqueeze(0), 0.1))
    return state


X_AXIS: Line = (
    lambda s: torch.stack((s, torch.zeros_like(s), torch.zeros_like(s)), dim=-1),
    lambda pose: pose[0],
)
CIRCLE: Line = (  # radius 30 m to the left, from the origin
    lambda s: torch.stack((30 * torch.sin(s / 30), 30 - 30 * torch.cos(s / 30), s / 30), dim=-1),
    lambda pose: 30 * torch.atan2(pose[0], 30 - pose[1]),
)


def test_converges_to_a_straight_line() -> None:
    final = _follow(X_AXIS, 0.0, 0.0, Car(0, 0, 1.0, 0.1, 8.0), 20.0)
    assert abs(float(final.pose[0, 0, 1])) < 0.01
    assert abs(float(final.pose[0, 0, 2])) < 0.005


def test_converges_to_an_arc() -> None:
    final = _follow(CIRCLE, 1 / 30, 0.0, Car(0, 1.2, -0.5, 0.0, 8.0), 20.0)
    # The rear axle on the radius of 30 m, the centre 1.2 m before it: sqrt(30^2 + 1.2^2) = 30.024.
    radius = float((final.pose[0, 0, :2] - torch.tensor((0.0, 30.0))).norm())
    assert radius == pytest.approx(30.024, abs=0.03)
    # Steering of that circle at the rear axle: atan(2.4 / 30) = 0.0798.
    assert float(final.ego_steering_rad[0]) == pytest.approx(0.0798, abs=0.001)


def test_follows_a_ramp_of_speed() -> None:
    # Wanted 1 m/s more a second on: the law gives 10/11 m/s2 of it, the lag (0.2 s) comes on top:
    # after 5 s 3 + (5 - 0.2) * 10/11 = 7.364 m/s; after 20 s it is at the 12 m/s of the plan.
    assert float(_speed_after(5.0)) == pytest.approx(7.364, abs=0.002)
    assert float(_speed_after(20.0)) == pytest.approx(12.0, abs=0.01)


def _speed_after(seconds: float) -> Tensor:
    return _follow(X_AXIS, 0.0, 1.0, Car(0, 0, 0.0, 0.0, 3.0), seconds).speed_mps[0, 0]
