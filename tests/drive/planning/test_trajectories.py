"""From places to trajectories: against circles worked out by hand, and driven by the car."""

import math

import pytest
import torch

from drive.planning.trajectories import trajectory_of
from sim.geometry import se2
from sim.interface import EgoState, Plan
from sim.scenario import EGO
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

TIME_S = 0.5 * torch.arange(1, 11)
WHEELBASE_M = 3.0


def _ego(worlds: int) -> EgoState:
    zero = torch.zeros(worlds)
    return EgoState(
        zero, zero, zero, torch.tensor([[4.0, 2.0]]).expand(worlds, 2), zero + WHEELBASE_M
    )


def test_a_straight_way_at_growing_speed() -> None:
    # From 4 m/s with 1 m/s2, 30 degrees to the left.
    length_m = 4.0 * TIME_S + 0.5 * TIME_S.square()
    yaw = torch.tensor(torch.pi / 6)
    place = length_m[:, None] * torch.stack((torch.cos(yaw), torch.sin(yaw)))
    made = trajectory_of(place.unsqueeze(0), _ego(1))[0]
    expected = torch.stack((*place.unbind(1), yaw.expand(10), 4.0 + TIME_S, torch.zeros(10)), dim=1)
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("to_left", [1.0, -1.0])
def test_a_circle_as_its_rear_axle_is_steered(to_left: float) -> None:
    # The rear axle runs at 6 m/s on a circle of radius 15 m, the centre 1.5 m ahead of it on a wider one.
    # As the centre comes by the origin the car's yaw is less than the course by the slip.
    rear_m, rear_mps = 15.0, 6.0
    slip = math.atan(0.5 * WHEELBASE_M / rear_m)
    radius_m = math.hypot(rear_m, 0.5 * WHEELBASE_M)
    turned = rear_mps / rear_m * TIME_S
    place = radius_m * torch.stack((torch.sin(turned), to_left * (1.0 - torch.cos(turned))), dim=-1)
    made = trajectory_of(place.unsqueeze(0), _ego(1))[0]
    torch.testing.assert_close(made[:, 2], to_left * (turned - slip), rtol=0, atol=1e-3)
    # A chord of 3 m is 0.2 % shorter than its arc.
    torch.testing.assert_close(made[:, 3], torch.full((10,), rear_mps), rtol=3e-3, atol=0)
    torch.testing.assert_close(made[:, 4], torch.full((10,), to_left / rear_m), rtol=3e-3, atol=0)


def test_who_stands_neither_turns_nor_moves() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = 0.02 * torch.randn((3, 5, 10, 2), generator=generator)
    made = trajectory_of(noise, _ego(3))
    torch.testing.assert_close(made[..., :2], noise)
    assert (made[..., [2, 4]] == 0).all()
    assert (made[..., 3] >= 0).all() and made[..., 3].max() < 0.15


def test_who_stops_in_a_bend_keeps_yaw_and_steering() -> None:
    angle = torch.tensor([0.2, 0.35, 0.45] + 7 * [0.48])
    place = 12.0 * torch.stack((torch.sin(angle), 1.0 - torch.cos(angle)), dim=-1)
    made = trajectory_of(place.unsqueeze(0), _ego(1))[0]
    slip = math.asin(1.5 / 12.0)
    assert made[3:, 2].std() < 1e-6
    assert abs(made[-1, 2].item() - (0.48 - slip)) < 0.02
    torch.testing.assert_close(made[:, 4], torch.full((10,), made[0, 4].item()), rtol=0.02, atol=0)
    torch.testing.assert_close(made[4:, 3], torch.zeros(6))


def test_no_sharper_than_the_car_and_with_gradients_everywhere() -> None:
    place = torch.stack((torch.tensor([2.0, 2.0] * 5), torch.arange(10.0)), dim=-1)
    place = torch.stack((place, torch.zeros(10, 2), 3.0 * place.flip(-1))).requires_grad_()
    made = trajectory_of(place, _ego(3))
    assert made[..., 4].abs().max() <= math.tan(torch.pi / 3) / WHEELBASE_M + 1e-5
    made.square().sum().backward()
    assert place.grad is not None and torch.isfinite(place.grad).all()


def _driven_m(x_m: float, speed_mps: float) -> list[float]:
    """How far along x a driver is every half second: 1 m/s2 up to 8 m/s, and to a stop at 80 m."""
    places = []
    for _ in range(10):
        for _ in range(5):
            stop_mps = math.sqrt(max(0.0, 3.0 * (80.0 - x_m)))
            speed_mps = min(speed_mps + 0.1, 8.0, stop_mps)
            x_m += 0.1 * speed_mps
        places.append(x_m)
    return places


def _weave_m(x_m: torch.Tensor) -> torch.Tensor:
    """Its place beside the x axis: 0.1 g in the bends at 8 m/s, the sharpest of 64 m."""
    return 1.0 - torch.cos(x_m / 8.0)


def test_the_car_follows_it() -> None:
    """Pulls out, weaves and stops; planned anew at each step from where the car is."""
    scenario = make_scenario([straight(-50, 0, 250, 0)], [Car(0, 0.0, 0.0)], 20.0)
    simulator = Simulator.from_scenarios([scenario], "log")
    state = simulator.reset()
    aside, speeds = [], []
    for _ in range(190):
        ego = state.pose[:, EGO]
        x = torch.tensor(_driven_m(ego[0, 0].item(), state.speed_mps[0, EGO].item()))
        wanted = torch.stack((x, _weave_m(x)), dim=-1).unsqueeze(0)
        wanted = se2.transform_points(se2.inverse(ego).unsqueeze(1), wanted)
        plan = Plan(trajectory_of(wanted, simulator.ego_state(state)), 0.5)
        state = simulator.step(state, plan)
        x, y = state.pose[0, EGO, :2]
        aside.append((y - _weave_m(x)).abs().item())
        speeds.append(state.speed_mps[0, EGO].item())
    assert max(aside) < 0.15
    assert max(speeds) > 7.5
    assert speeds[-1] < 0.1
    assert abs(state.pose[0, EGO, 0].item() - 80.0) < 1.0
