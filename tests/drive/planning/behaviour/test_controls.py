"""The bicycle as sums over time against the bicycle step by step, and its slopes by finite differences."""

import math

import pytest
import torch

from drive.planning.behaviour.controls import controls_of, driven, scales
from drive.planning.candidates import POINTS
from drive.planning.samplers.drivable import MAX_LATERAL_MPS2
from drive.planning.samplers.rollouts import roll_out
from sim import trees
from sim.dynamics.bicycle import MAX_STEERING_RAD
from tests.drive.planning.samplers.egos import WHEELBASE_M, ego_in


def _controls(num: int, pedal: float, seed: int = 0) -> torch.Tensor:
    """Smooth ones: a level and a swing of the acceleration, a swing of the steering; in `scales`."""
    draw = torch.Generator().manual_seed(seed)
    level, swing, wheel, phase = torch.randn(4, 1, num, 1, generator=draw)
    time = torch.arange(POINTS) * 0.5
    push = pedal * (0.5 * level + 0.5 * swing * torch.sin(time + phase))
    return torch.stack((push, 0.4 * wheel * torch.cos(1.5 * time + phase)), dim=-1)


@pytest.mark.parametrize(("speed_mps", "pedal"), [(8.0, 1.0), (3.0, 0.7), (15.0, 0.5)])
def test_it_is_the_bicycle(speed_mps: float, pedal: float) -> None:
    ego = ego_in([speed_mps], [0.005])
    controls = scales(ego) * _controls(50, pedal)
    fast = driven(ego, controls)
    truth = roll_out(ego, controls[..., 0], controls[..., 1])
    gap = (fast.trajectory - truth.trajectory)[..., :4].abs().amax(dim=(0, 1, 2))
    # It stops within a tenth of a second, where the bicycle, whose pedal lags, may a little later.
    assert (gap < torch.tensor((0.06, 0.06, 0.01, 0.06))).all(), gap
    assert fast.trajectory[..., -1, :2].std(dim=1).amin() > 0.2


def test_limits_hold_whatever_is_asked_for() -> None:
    wild = 30.0 * torch.randn(1, 200, POINTS, 2, generator=torch.Generator().manual_seed(1))
    speed, curvature = driven(ego_in([6.0], [0.0]), wild).trajectory[..., 3:].unbind(-1)
    along = torch.diff(speed, dim=2) / 0.5
    assert speed.min() == 0.0 and along.max() <= 4.0 + 1e-4 and along.min() >= -8.0 - 1e-4
    assert curvature.abs().max() <= math.tan(MAX_STEERING_RAD) / WHEELBASE_M + 1e-5
    assert (curvature * speed.square()).abs().max() <= MAX_LATERAL_MPS2 + 1e-3


def test_brakes_hold_and_let_go() -> None:
    """From 2 m/s by 4 m/s2: 0.5 m and 0.5 s to a stop; it stands; from 2.5 s on 1 m/s2."""
    push = torch.tensor([-4.0] * 5 + [1.0] * 5)
    controls = torch.stack((push, torch.zeros(POINTS)), dim=-1)[None, None]
    path = driven(ego_in([2.0], [0.0]), controls).trajectory[0, 0]
    assert path[:, 3].tolist() == pytest.approx([0.0] * 5 + [0.5, 1.0, 1.5, 2.0, 2.5], abs=1e-4)
    assert path[4, 0] == pytest.approx(0.5, abs=0.01)
    assert path[-1, 0] == pytest.approx(0.5 + 0.5 * 2.5**2, abs=0.01)


def test_controls_are_found_again() -> None:
    ego = ego_in([8.0], [0.02])
    controls = scales(ego) * _controls(40, 1.0)
    truth = roll_out(ego, controls[..., 0], controls[..., 1])
    again = driven(ego, controls_of(ego, truth)).trajectory
    assert (again - truth.trajectory)[..., :2].norm(dim=-1).quantile(0.95) < 0.15


def test_slopes_are_those_of_finite_differences_twice() -> None:
    ego = trees.map_tensors(lambda t: t.double(), ego_in([8.0], [0.02]))
    controls = (scales(ego) * _controls(1, 1.0)).requires_grad_()

    def last(controls: torch.Tensor) -> torch.Tensor:
        return driven(ego, controls).trajectory[..., -1, :]

    assert torch.autograd.gradcheck(last, controls)
    assert torch.autograd.gradgradcheck(last, controls)


def test_a_large_control_is_the_same_jerk_at_any_speed() -> None:
    scale = scales(ego_in([10.0, 2.0], [0.0, 0.0]))[:, 0, 0]
    # 1.5 m/s3 at 10 m/s are 0.015 / (m s); at 2 m/s it is the steering that limits.
    torch.testing.assert_close(scale, torch.tensor(((1.0, 0.015), (1.0, 0.1))))
