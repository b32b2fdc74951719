"""NMP's curves: they begin as the ego moves, are Fresnel's, and can be driven where `valid` says so."""

import math

import numpy as np
import pytest
import torch
from scipy.special import fresnel

from drive.planning.candidates import DT_S, Candidates
from drive.planning.samplers.curves import CurveSampler, along_curve, constant_acceleration
from drive.planning.samplers.drivable import from_rear_axle
from drive.planning.samplers.rollouts import roll_out
from sim.dynamics.bicycle import rear_of
from sim.geometry import se2
from tests.drive.planning.samplers.egos import WHEELBASE_M, ego_in, off_course_m, seen_by

SPEED_MPS, CURVATURE = 8.0, 0.03


def _drawn(
    speed_mps: float = SPEED_MPS, curvature: float = CURVATURE, num: int = 400
) -> Candidates:
    ego = ego_in([speed_mps], [curvature])
    return CurveSampler(num)(seen_by(ego), torch.Generator().manual_seed(0))


def _arc_lengths(trajectory: torch.Tensor, speed_mps: float = SPEED_MPS) -> torch.Tensor:
    """`[K, T]` of those that do not stop: their speeds' means between points, added up."""
    speed = torch.nn.functional.pad(trajectory[..., 3], (1, 0), value=speed_mps)
    return (0.5 * DT_S * (speed[:, 1:] + speed[:, :-1])).cumsum(dim=1)


def _moving(drawn: Candidates) -> torch.Tensor:
    trajectory = drawn.trajectory[0]
    return trajectory[trajectory[:, -1, 3] > 0.0]


def _rates(trajectory: torch.Tensor) -> torch.Tensor:
    """Change of curvature a metre, from the first point to the second."""
    way = _arc_lengths(trajectory)
    return (trajectory[:, 1, 4] - trajectory[:, 0, 4]) / (way[:, 1] - way[:, 0])


def _rear(trajectory: torch.Tensor) -> torch.Tensor:
    """Poses of the rear axle, in the frame of where it is now."""
    length = torch.tensor(WHEELBASE_M)
    now = rear_of(torch.zeros(3), length)
    return se2.compose(se2.inverse(now), rear_of(trajectory[..., :3], length))


def test_speed_and_curvature_begin_as_the_ego_has_them() -> None:
    trajectory = _moving(_drawn())
    speed, way = trajectory[..., 3], _arc_lengths(trajectory)
    assert torch.allclose(2.0 * speed[:, 0] - speed[:, 1], torch.tensor(SPEED_MPS), atol=1e-4)
    begins = trajectory[:, 0, 4] - _rates(trajectory) * way[:, 0]
    on_line = (trajectory[..., 4] == 0.0).all(dim=1)
    assert torch.allclose(begins[~on_line], torch.tensor(CURVATURE), atol=1e-4)
    assert 0.4 < on_line.float().mean() < 0.6
    on_circle = (trajectory[..., 4] == trajectory[:, :1, 4]).all(dim=1) & ~on_line
    assert 0.18 < on_circle.float().mean() < 0.32
    to_left = _rates(trajectory)[~on_line & ~on_circle] > 0.0
    assert 0.3 < to_left.float().mean() < 0.7


@pytest.mark.parametrize("rate", [0.0, math.pi / 36.0, -math.pi / 900.0])
def test_positions_have_that_curvature_and_speed(rate: float) -> None:
    """By finite differences every millisecond: the first ones."""
    time = torch.arange(5, dtype=torch.float64) * 1e-3
    travelled = (SPEED_MPS * time - 2.0 * time**2).reshape(1, 1, -1)
    one = torch.ones(1, 1, dtype=torch.float64)
    points = along_curve(CURVATURE * one, rate * one, travelled)[0, 0, :, :2]
    points = torch.cat((torch.zeros(1, 2, dtype=torch.float64), points))
    step = points.diff(dim=0)
    assert step[0].norm() / 1e-3 == pytest.approx(SPEED_MPS, abs=0.01)
    course = torch.atan2(step[:, 1], step[:, 0])
    assert float(course[0]) == pytest.approx(0.5 * CURVATURE * float(step[0].norm()), abs=1e-5)
    bend = course.diff() / (0.5 * (step[1:] + step[:-1])).norm(dim=1)
    assert float(bend[0]) == pytest.approx(CURVATURE, abs=1.5e-3)
    assert float(bend[1] - bend[0]) == pytest.approx(rate * float(step[0].norm()), abs=1e-5)


def _clothoid(curvature: float, rate: float, way_m: np.ndarray, offset_m: float) -> np.ndarray:
    """`[T, 2]` after Fresnel's integrals from an arc offset on, in the frame of the curve there."""
    a = math.sqrt(math.pi / abs(rate))
    sine, cosine = fresnel((offset_m + np.append(0.0, way_m)) / a)
    turned = 0.5 * math.pi * (offset_m / a) ** 2
    x, y = a * (cosine - cosine[0]), a * (sine - sine[0])
    across = -math.sin(turned) * x + math.cos(turned) * y
    along = math.cos(turned) * x + math.sin(turned) * y
    return np.stack((along, math.copysign(1.0, rate) * across), axis=1)[1:]


def test_clothoids_are_those_of_fresnel() -> None:
    drawn = _drawn(num=4000)
    moves = drawn.valid[0] & (drawn.trajectory[0, :, -1, 3] > 0.0)
    trajectory = drawn.trajectory[0, moves]
    rates, ways = _rates(trajectory), _arc_lengths(trajectory)
    clothoids = torch.nonzero(rates.abs() > 4e-4).squeeze(1)[:50].tolist()
    assert len(clothoids) == 50
    worst_wrong = 0.0
    for k in clothoids:
        rate, way = float(rates[k]), ways[k].numpy().astype(float)
        a_squared, towards = math.pi / abs(rate), math.copysign(1.0, rate)
        offset = towards * CURVATURE * a_squared / math.pi
        rear = _rear(trajectory[k])[:, :2].numpy()
        assert np.abs(rear - _clothoid(CURVATURE, rate, way, offset)).max() < 0.02
        wrong = _clothoid(CURVATURE, rate, way, towards * CURVATURE / math.pi)
        worst_wrong = max(worst_wrong, np.abs(rear - wrong).max())
    assert worst_wrong > 2.0


def test_the_box_points_along_the_path_of_its_rear_axle() -> None:
    """On a circle to the left the centre's course leads the yaw by atan(L k / 2)."""
    trajectory = _moving(_drawn())
    circle = (trajectory[..., 4] == trajectory[:, :1, 4]).all(dim=1) & (trajectory[:, 0, 4] > 0.0)
    x, y, yaw = trajectory[circle][..., :3].unbind(-1)
    radius = torch.hypot(x + 0.5 * WHEELBASE_M, y - 1.0 / CURVATURE)
    wanted = math.hypot(1.0 / CURVATURE, 0.5 * WHEELBASE_M)
    assert torch.allclose(radius, torch.tensor(wanted), atol=1e-3)
    course = torch.atan2(x + 0.5 * WHEELBASE_M, 1.0 / CURVATURE - y)
    slip = math.atan(0.5 * WHEELBASE_M * CURVATURE)
    assert torch.allclose(se2.wrap_angle(course - yaw), torch.tensor(slip), atol=1e-4)


def test_who_brakes_to_a_stop_stays_there() -> None:
    speeds, way = constant_acceleration(torch.tensor([[4.0, 0.0]]), torch.tensor([[-4.0, -1.0]]))
    assert speeds[0, 0, :4].tolist() == [4.0, 2.0, 0.0, 0.0]
    assert way[0, 0, :4].tolist() == [0.0, 1.5, 2.0, 2.0]
    assert (way[0, 1] == 0.0).all()


def test_speeds_are_random_only_if_asked_for() -> None:
    observation = seen_by(ego_in([SPEED_MPS], [0.0]))
    first = CurveSampler(4000, 0.8)(observation, torch.Generator().manual_seed(1))
    moving = _moving(first)
    begins = 2.0 * moving[:, 0, 3] - moving[:, 1, 3]
    assert 0.15 < ((begins - SPEED_MPS).abs() < 1e-2).float().mean() < 0.25
    assert begins.min() < 1.0 and begins.max() > 19.0


def test_the_tracker_follows_what_is_valid() -> None:
    ego = ego_in([12.0], [0.01])
    drawn = CurveSampler(1000)(seen_by(ego), torch.Generator().manual_seed(2))
    good, bad = (
        torch.nonzero(drawn.valid[0] == can).squeeze(1)[:40].unsqueeze(0) for can in (True, False)
    )
    assert 0.5 < drawn.valid.float().mean() < 0.9
    assert off_course_m(ego, drawn.take(good)).max() < 0.7
    assert off_course_m(ego, drawn.take(bad)).mean() > 1.0


def test_the_bicycle_drives_what_is_valid() -> None:
    """Under each curve's own acceleration and curvature rate it arrives where the curve does."""
    ego = ego_in([12.0], [0.01])
    drawn = CurveSampler(4000)(seen_by(ego), torch.Generator().manual_seed(2))
    trajectory = drawn.trajectory
    now = torch.tensor([12.0, 0.01]).expand(1, 4000, 1, 2)
    acceleration, rate = (torch.cat((now, trajectory[..., 3:]), dim=2).diff(dim=2) / DT_S).unbind(
        -1
    )
    mild = drawn.valid & (acceleration.abs().amax(dim=2) < 2.5) & (rate.abs()[..., 0] < 0.02)
    arrived = roll_out(ego, acceleration, rate)
    gap = (arrived.trajectory - trajectory)[mild][..., :2].norm(dim=-1)
    assert len(gap) > 500
    assert gap.max() < 0.5
    assert gap.mean() < 0.1


@pytest.mark.parametrize(
    ("speeds", "curvatures", "valid"),
    [
        ([10.0, 10.0, 10.0], [0.0, 0.01, 0.02], True),
        ([10.0, 10.0, 10.0], [0.0, 0.02, 0.06], False),  # 6 m/s2 across
        ([2.0, 2.0, 2.0], [0.6, 0.65, 0.66], True),
        ([2.0, 2.0, 2.0], [0.6, 0.65, 0.70], False),  # atan(2.5 * 0.7) is 60.3 deg
        (
            [1.0, 1.0, 1.0],
            [0.0, 0.22, 0.5],
            False,
        ),  # 0.39 rad in the second half second, 0.50 before
        ([1.0, 1.0, 1.0], [0.0, 0.2, 0.4], True),
        ([5.0, 7.0, 9.0], [0.0, 0.0, 0.0], True),  # 4 m/s2
        ([5.0, 7.1, 9.0], [0.0, 0.0, 0.0], False),
        ([9.0, 5.0, 1.0], [0.0, 0.0, 0.0], True),  # 8 m/s2
        ([9.0, 4.9, 1.0], [0.0, 0.0, 0.0], False),
    ],
)
def test_what_can_be_driven_by_hand(
    speeds: list[float], curvatures: list[float], valid: bool
) -> None:
    drawn = from_rear_axle(
        torch.zeros(1, 1, 2, 3),
        torch.tensor([[speeds]]),
        torch.tensor([[curvatures]]),
        torch.tensor([WHEELBASE_M]),
    )
    assert bool(drawn.valid) is valid
