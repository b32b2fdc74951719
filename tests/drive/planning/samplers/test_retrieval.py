"""P3's retrieval sampler: whose state an expert had gets that expert's own trajectory."""

import math

import torch

from drive.planning.candidates import POINTS
from drive.planning.samplers.retrieval import RetrievalSampler, build_library, profile
from drive.planning.samplers.rollouts import roll_out
from sim.dynamics.bicycle import center_of
from sim.interface import EgoState
from tests.drive.planning.samplers.egos import WHEELBASE_M, ego_in, seen_by


def _experts(speed_mps: float, curvature: float, num: int) -> tuple[EgoState, torch.Tensor]:
    """N of one state, who press pedals and turn the wheel smoothly: their states and futures."""
    draw = torch.Generator().manual_seed(0)
    swing = torch.sin(math.pi / POINTS * (torch.arange(POINTS) + 0.5))
    pedal, wheel = torch.rand(2, 1, num, 1, generator=draw) * 2.0 - 1.0
    ego = ego_in([speed_mps], [curvature])
    future = roll_out(ego, 2.0 * pedal * swing, 0.01 * wheel * swing).trajectory[0, ..., :3]
    return ego_in([speed_mps] * num, [curvature] * num), future


def _joined(
    *experts: tuple[EgoState, torch.Tensor],
) -> tuple[EgoState, torch.Tensor]:
    speed = torch.cat([ego.speed_mps for ego, _ in experts]).tolist()
    bend = torch.cat([torch.tan(ego.steering_rad) / WHEELBASE_M for ego, _ in experts]).tolist()
    return ego_in(speed, bend), torch.cat([future for _, future in experts])


def test_an_expert_in_the_egos_state_gives_its_own_trajectory_back() -> None:
    states = [(9.0, 0.03), (4.0, 0.0), (0.0, 0.0)]
    experts = [_experts(*state, 8) for state in states]
    sampler = RetrievalSampler(build_library(*_joined(*experts), num=8, seed=0))
    observation = seen_by(ego_in([s for s, _ in states], [k for _, k in states]))
    drawn = sampler(observation)
    for world, (_, future) in enumerate(experts):
        gap = (drawn.trajectory[world, ..., :2] - future[..., :2]).norm(dim=-1)
        assert gap.max() < 0.1
        assert gap.mean() < 0.03
    assert drawn.valid.all()


def test_others_drive_the_profile_from_their_own_state() -> None:
    """An expert that brakes at 2 m/s2 from 9 m/s; the ego, in the same bin, from 8.5 m/s."""
    braking = torch.full((1, 1, POINTS), -2.0)
    still = torch.zeros_like(braking)
    expert = roll_out(ego_in([9.0], [0.0], [-2.0]), braking, still).trajectory[0, ..., :3]
    library = build_library(ego_in([9.0], [0.0], [-2.0]), expert, num=3, seed=0)
    ego = ego_in([8.5], [0.004], [-1.8])
    drawn = RetrievalSampler(library)(seen_by(ego))
    assert drawn.valid.tolist() == [[True, False, False]]
    speed = drawn.trajectory[0, 0, :, 3]
    wanted = 8.5 - 2.0 * 0.5 * torch.arange(1, 5)
    assert torch.allclose(speed[:4], wanted, atol=0.05)
    assert torch.allclose(drawn.trajectory[0, 0, :4, 4], torch.tensor(0.004), atol=1e-4)


def test_the_nearest_bin_serves_where_the_egos_own_is_empty() -> None:
    slow, fast = _experts(3.0, 0.0, 1), _experts(20.0, 0.0, 1)
    library = build_library(*_joined(slow, fast), num=1, seed=0)
    ego = ego_in([16.0], [0.0])
    drawn = RetrievalSampler(library)(seen_by(ego))
    of_fast = build_library(*fast, num=1, seed=0)
    expected = roll_out(ego, of_fast.acceleration_mps2, of_fast.curvature_rate)
    assert torch.allclose(drawn.trajectory, expected.trajectory, atol=1e-5)


def test_prototypes_stand_for_clusters() -> None:
    """Twenty that nearly stop, twenty that go on: one of each."""
    gone = torch.cat((torch.linspace(-4.2, -3.8, 20), torch.linspace(0.8, 1.2, 20)))
    acceleration = gone.reshape(1, 40, 1).expand(1, 40, POINTS)
    ego = ego_in([16.0], [0.0])
    future = roll_out(ego, acceleration, torch.zeros_like(acceleration)).trajectory[0, ..., :3]
    library = build_library(ego_in([16.0] * 40, [0.0] * 40), future, num=2, seed=0)
    kept = library.acceleration_mps2[0, :, 2:6].mean(dim=1)
    assert library.valid.all()
    assert torch.allclose(kept.sort().values, torch.tensor([-4.0, 1.0]), atol=0.15)


def test_profiles_of_a_noisy_expert_do_not_swing() -> None:
    """5 cm of noise: the means alone would have knots that swing by metres a second."""
    x = torch.arange(1, POINTS + 1) * 5.0
    future = torch.stack((x, torch.zeros_like(x), torch.zeros_like(x)), dim=1).unsqueeze(0)
    future[0, :, 0] += 0.05 * (-1.0) ** torch.arange(POINTS)
    one = torch.ones(1)
    acceleration, rate = profile(future, 10.0 * one, 0.0 * one)
    assert acceleration.abs().max() < 0.8
    assert (rate == 0.0).all()


def test_profiles_of_one_who_drives_back_round_a_bend() -> None:
    """2 m/s back on a circle to the left: the turn is to the right, the curvature stays the same."""
    way = -torch.arange(1, POINTS + 1)
    yaw = 0.2 * way
    rear = torch.stack((5.0 * torch.sin(yaw), 5.0 - 5.0 * torch.cos(yaw), yaw), dim=1)
    one = torch.ones(1)
    rear = rear - torch.tensor([0.5 * WHEELBASE_M, 0.0, 0.0])
    future = center_of(rear.unsqueeze(0), WHEELBASE_M * one.unsqueeze(1))
    acceleration, rate = profile(future, -2.0 * one, 0.2 * one)
    assert acceleration.abs().max() < 0.01
    assert rate.abs().max() < 1e-3
