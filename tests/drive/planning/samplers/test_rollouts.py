"""Roll-outs of the bicycle: by hand, within limits, from the ego's true state."""

import math

import pytest
import torch

from drive.planning.candidates import DT_S, POINTS
from drive.planning.samplers.curves import CurveSampler
from drive.planning.samplers.drivable import MAX_LATERAL_MPS2
from drive.planning.samplers.rollouts import RolloutSampler, roll_out
from sim.dynamics.bicycle import MAX_STEERING_RAD
from tests.drive.planning.samplers.egos import WHEELBASE_M, ego_in, off_course_m, seen_by


def _rows(*values: float) -> torch.Tensor:
    return torch.tensor([[[value] * POINTS for value in values]])


def test_straight_on_by_hand() -> None:
    """At 2 m/s2, which the ego has already: 10 t + t^2."""
    time = torch.arange(1, POINTS + 1) * DT_S
    drawn = roll_out(ego_in([10.0], [0.0], [2.0]), _rows(2.0), _rows(0.0)).trajectory[0, 0]
    assert torch.allclose(drawn[:, 0], 10.0 * time + time**2, atol=1e-3)
    assert torch.allclose(drawn[:, 3], 10.0 + 2.0 * time, atol=1e-4)
    assert (drawn[:, [1, 2, 4]] == 0.0).all()


def test_a_circle_by_hand() -> None:
    """The rear axle goes round (-L / 2, 1 / k), and the centre stays L / 2 ahead of it."""
    drawn = roll_out(ego_in([5.0], [0.1]), _rows(0.0), _rows(0.0)).trajectory[0, 0]
    yaw = 0.1 * 5.0 * torch.arange(1, POINTS + 1) * DT_S
    assert torch.allclose(drawn[:, 2], yaw, atol=1e-3)
    half = 0.5 * WHEELBASE_M
    x = -half + 10.0 * torch.sin(yaw) + half * torch.cos(yaw)
    y = 10.0 - 10.0 * torch.cos(yaw) + half * torch.sin(yaw)
    assert torch.allclose(drawn[:, :2], torch.stack((x, y), dim=1), atol=5e-3)
    assert torch.allclose(drawn[:, 4], torch.tensor(0.1), atol=1e-5)


def test_curvature_changes_as_told() -> None:
    drawn = roll_out(ego_in([5.0], [-0.02]), _rows(0.0), _rows(0.02)).trajectory[0, 0]
    wanted = -0.02 + 0.02 * torch.arange(1, POINTS + 1) * DT_S
    assert torch.allclose(drawn[:, 4], wanted, atol=1e-4)


def test_acceleration_lags_as_the_bicycle_does() -> None:
    """From 0 to -5 within 0.1 s it would have to ask for -15: asks for -8, and has -2.67 at first."""
    speed = roll_out(ego_in([10.0], [0.0]), _rows(-5.0), _rows(0.0)).trajectory[0, 0, 0, 3]
    # -8 / 3 and then -8 / 3 - 5.333 / 3 = -4.444, then -5: the commands needed are within limits.
    assert float(speed) == pytest.approx(10.0 - 0.1 * (8 / 3 + 40 / 9 + 3 * 5.0), abs=1e-4)


@pytest.mark.parametrize("speed_mps", [0.0, 4.0, 12.0, 25.0])
def test_what_is_drawn_stays_within_limits(speed_mps: float) -> None:
    ego = ego_in([speed_mps], [0.0])
    drawn = RolloutSampler(1000)(seen_by(ego), torch.Generator().manual_seed(0))
    speed, curvature = drawn.trajectory[..., 3], drawn.trajectory[..., 4]
    assert drawn.valid.float().mean() > 0.99
    assert speed.min() >= 0.0
    assert curvature.abs().max() <= math.tan(MAX_STEERING_RAD) / WHEELBASE_M + 1e-5
    assert (speed.square() * curvature).abs().max() < 1.05 * MAX_LATERAL_MPS2
    assert speed[..., -1].std() > 2.0
    assert drawn.trajectory[..., -1, 1].std() > 2.0


def test_worlds_have_their_own_egos() -> None:
    both, slow, fast = ([4.0, 12.0], [0.05, 0.0]), ([4.0], [0.05]), ([12.0], [0.0])
    acceleration, rate = _rows(1.0, -2.0), _rows(0.01, -0.01)
    drawn = roll_out(ego_in(*both), acceleration.expand(2, -1, -1), rate.expand(2, -1, -1))
    for world, alone in enumerate((slow, fast)):
        expected = roll_out(ego_in(*alone), acceleration, rate)
        assert torch.allclose(drawn.trajectory[world], expected.trajectory[0], atol=1e-5)


@pytest.mark.parametrize("sampler", [CurveSampler(50), RolloutSampler(50)])
def test_draws_are_those_of_the_generator(sampler: CurveSampler | RolloutSampler) -> None:
    observation = seen_by(ego_in([8.0], [0.0]))
    first, again, other = (
        sampler(observation, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(first.trajectory, again.trajectory)
    assert not torch.equal(first.trajectory, other.trajectory)


def test_the_tracker_follows_what_is_drawn() -> None:
    ego = ego_in([15.0], [-0.01])
    drawn = RolloutSampler(60)(seen_by(ego), torch.Generator().manual_seed(0))
    assert off_course_m(ego, drawn).mean() < 0.5
