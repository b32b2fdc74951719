"""What was driven, as a plan: a circle by hand, and who is not there to the end."""

import math
from dataclasses import replace

import pytest
import torch

from drive.planning.candidates import DT_S, POINTS
from drive.planning.experts import demonstration, recorded_futures, with_motion
from sim.scenario import EGO
from tests.drive.scenes import toy_examples

RADIUS_M, SPEED_MPS = 20.0, 6.0


def _circle(sign: float) -> torch.Tensor:
    yaw = SPEED_MPS / RADIUS_M * DT_S * torch.arange(1, POINTS + 1)
    x, y = RADIUS_M * torch.sin(yaw), RADIUS_M * (1.0 - torch.cos(yaw))
    return torch.stack((x, sign * y, sign * yaw), dim=1).unsqueeze(0)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_circle_at_constant_speed(sign: float) -> None:
    # A step turns by 0.15 rad: its chord is 2 R sin(0.075) = 2.9972 m in place of 3 m.
    driven = with_motion(_circle(sign))[0]
    chord_m = 2.0 * RADIUS_M * math.sin(0.075)
    assert driven[:, 3].tolist() == pytest.approx([chord_m / DT_S] * POINTS, rel=1e-3)
    assert driven[:, 4].tolist() == pytest.approx([sign * 0.15 / chord_m] * POINTS, rel=1e-3)
    assert float(driven[0, 3]) == pytest.approx(SPEED_MPS, rel=2e-3)
    assert float(driven[0, 4]) == pytest.approx(sign / RADIUS_M, rel=2e-3)


def test_who_speeds_up_or_stands() -> None:
    # x = t^2: at 0.5 s the steps before and after are 0.25 and 0.75 m: 1 m/s = 2 t.
    time = DT_S * torch.arange(1, POINTS + 1)
    pose = torch.stack((time.square(), torch.zeros_like(time), torch.zeros_like(time)), dim=1)
    found = with_motion(pose[None])[0]
    assert found[:-1, 3].tolist() == pytest.approx((2.0 * time[:-1]).tolist(), abs=1e-4)
    assert float(found[-1, 3]) == pytest.approx(2.0 * (float(time[-1]) - 0.25), abs=1e-4)
    # One who stands and trembles has no curvature.
    trembles = torch.zeros(1, POINTS, 3)
    trembles[0, ::2] = torch.tensor((0.01, 0.0, 0.02))
    assert (with_motion(trembles)[..., 4] == 0.0).all()
    # Past half a turn the heading jumps from pi to -pi, and the curvature does not.
    around = _circle(1.0)
    around[..., 2] = torch.remainder(around[..., 2] + 3.5 + math.pi, 2 * math.pi) - math.pi
    assert with_motion(around)[0, 1:, 4].tolist() == pytest.approx([0.05] * (POINTS - 1), rel=0.01)


def test_who_is_not_recorded_to_the_end_is_not_there() -> None:
    example = toy_examples()
    pose, valid = example.future.pose.clone(), example.future.valid.clone()
    pose[1, EGO] = math.nan
    valid[1, EGO, POINTS - 1] = False
    valid[2, EGO, POINTS:] = False  # a plan does not reach so far
    valid[:, EGO + 1 :, 2] = False
    pose[:, EGO + 1 :, 2] = math.nan
    example = replace(example, future=replace(example.future, pose=pose, valid=valid))
    driven, there = demonstration(example)
    assert there.tolist()[:3] == [True, False, True]
    assert torch.isfinite(driven).all()
    futures = recorded_futures(example.future)
    assert torch.isfinite(futures.pose).all()
    assert not futures.valid[:, :, 2].any() and futures.valid[:, :, 3].any()
    torch.testing.assert_close(futures.pose[:, :, 3], pose[:, EGO + 1 :, 3])
