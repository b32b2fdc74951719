"""Frenet courses: they begin as the ego moves, end beside the route, and can be driven where `valid`."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.interpolate import BPoly

from drive.planning.candidates import DT_S, Candidates
from drive.planning.samplers import frenet
from drive.planning.samplers.frenet import FrenetSampler
from sim.geometry import se2
from sim.interface import Needs, Observation, RouteAhead
from sim.maps.lane_table import LaneSpec
from sim.simulator import Simulator
from tests.drive.planning.samplers.egos import WHEELBASE_M, ego_in, off_course_m, seen_by
from tests.toy import Car, make_scenario, straight

PROFILES = len(frenet.SPEED_SHARES) * len(frenet.SPEED_TIMES_S)
PER_END = PROFILES * len(frenet.COURSE_TIMES_S)
FINE_S = 0.02


def _route(bend: float, ego_s_m: float, offset_m: float, turned_rad: float) -> RouteAhead:
    """A circle (or a line), seen by an ego that is left of it and turned to the left of it."""
    s = torch.arange(80.0) - ego_s_m
    yaw = bend * s
    if bend:
        xy = torch.stack((torch.sin(yaw), 1.0 - torch.cos(yaw)), dim=1) / bend
    else:
        xy = torch.stack((s, torch.zeros_like(s)), dim=1)
    ego = torch.tensor((0.0, offset_m, turned_rad))
    pose = se2.compose(se2.inverse(ego), torch.cat((xy, yaw[:, None]), dim=1))
    return RouteAhead(
        pose=pose.unsqueeze(0),
        speed_limit_mps=torch.full((1, 80), 10.0),
        ego_s_m=torch.tensor([ego_s_m]),
        stop_s_m=torch.tensor([torch.inf]),
        length_m=torch.tensor([79.0]),
    )


def _on(route: RouteAhead, speed_mps: float, curvature: float, accelerates: float = 0.0):
    ego = ego_in([speed_mps], [curvature], [accelerates])
    return replace(seen_by(ego), route=route)


def _slip(curvature: float) -> float:
    """From the heading to the course of the centre: it goes round the same point as the rear axle."""
    return math.atan(0.5 * WHEELBASE_M * curvature)


def _fine(monkeypatch: pytest.MonkeyPatch, observation: Observation) -> Candidates:
    monkeypatch.setattr(frenet, "DT_S", FINE_S)
    monkeypatch.setattr(frenet, "POINTS", round(5.0 / FINE_S))
    return FrenetSampler()(observation)


@pytest.mark.parametrize("radius_m", [12.0, -12.0, 40.0])
@pytest.mark.parametrize("s_m", [20.0, 20.45])
def test_who_follows_a_circle_begins_on_it(radius_m: float, s_m: float) -> None:
    # The rear axle goes round at sqrt(R^2 - (L / 2)^2), and the centre is faster by 1 / cos(slip).
    curvature = math.copysign(1.0 / math.sqrt(radius_m**2 - 0.25 * WHEELBASE_M**2), radius_m)
    slip = _slip(curvature)
    start = frenet._start(_on(_route(1.0 / radius_m, s_m, 0.0, -slip), 6.0, curvature))
    told = torch.stack((start.offset_m, start.slope, start.bow))
    torch.testing.assert_close(told, torch.zeros(3, 1), atol=2e-4, rtol=0)
    assert float(start.speed_mps) == pytest.approx(6.0 / math.cos(slip), abs=2e-3)
    assert float(start.s_m) == pytest.approx(s_m, abs=2e-3)


@pytest.mark.parametrize("end_m", [0.0, -3.5])
def test_courses_are_hermites_quintic(end_m: float) -> None:
    way_m, given = 21.0, (0.7, -0.12, 0.03)
    x = np.linspace(0.0, 1.0, 30)
    truth = BPoly.from_derivatives([0.0, way_m], [given, (end_m, 0.0, 0.0)])
    d, d1, d2 = frenet._quintic(
        torch.tensor(x), *(torch.tensor(v, dtype=torch.float64) for v in (*given, end_m, way_m))
    )
    for found, order in ((d, 0), (d1, 1), (d2, 2)):
        np.testing.assert_allclose(found.numpy(), truth.derivative(order)(way_m * x), atol=1e-9)


@pytest.mark.parametrize(
    ("bend", "offset_m", "turned_rad", "curvature"),
    [(0.0, 0.0, 0.0, 0.03), (0.0, -0.9, 0.2, -0.05), (0.04, 1.1, -0.45, 0.07), (-0.03, 0.5, 0.1, 0.0)],
)  # fmt: skip
def test_they_begin_as_the_ego_moves(
    monkeypatch: pytest.MonkeyPatch,
    bend: float,
    offset_m: float,
    turned_rad: float,
    curvature: float,
) -> None:
    """Extrapolated to now from the first three of points 0.02 s apart."""
    route = _route(bend, 20.3, offset_m, turned_rad)
    fine = _fine(monkeypatch, _on(route, 8.0, curvature, 0.5))
    first, second, third = fine.trajectory[0, :, :3].unbind(1)
    now = 3.0 * (first - second) + third
    # Beside a bend the arc length is known to 2 cm (`project` measures along the tangent).
    for column, wanted, atol in (
        (0, 0.0, 0.02), (1, 0.0, 0.01), (2, 0.0, 0.01), (3, 8.0, 0.03), (4, curvature, 4e-3),
    ):  # fmt: skip
        torch.testing.assert_close(
            now[:, column], torch.full_like(now[:, 0], wanted), atol=atol, rtol=0
        )
    # On a line the ego's acceleration is that along it.
    if not bend and not offset_m:
        pushed, then = (second - first)[:, 3] / FINE_S, (third - second)[:, 3] / FINE_S
        assert (pushed - 1.5 * (then - pushed) - 0.5)[:PER_END].abs().max() < 0.2


@pytest.mark.parametrize("bend", [0.0, 0.04])
def test_curvature_speed_and_heading_are_those_of_the_positions(
    monkeypatch: pytest.MonkeyPatch, bend: float
) -> None:
    """Of the centre's path by differences; the rear axle's follow from the circle that both go round."""
    fine = _fine(monkeypatch, _on(_route(bend, 20.0, 0.6, -0.1), 8.0, 0.05))
    trajectory = fine.trajectory[0, fine.valid[0]].double()
    assert len(trajectory) > 100
    step = trajectory[..., :2].diff(dim=1)
    length = step.norm(dim=-1)
    course = torch.atan2(step[..., 1], step[..., 0])
    turn = se2.wrap_angle(course.diff(dim=1)) / (0.5 * (length[:, 1:] + length[:, :-1]))
    _, _, yaw, speed, curvature = trajectory[:, 1:-1].unbind(-1)
    fast = (length[:, 1:] > 3.0 * FINE_S) & (length[:, :-1] > 3.0 * FINE_S)
    slip = torch.atan(0.5 * WHEELBASE_M * curvature)
    # Of 1 m long arcs in place of a circle, and single precision: a few thousandths here and there.
    gap = (turn - 2.0 * torch.sin(slip) / WHEELBASE_M)[fast].abs()
    assert gap.median() < 1e-3 and gap.quantile(0.95) < 0.02
    mean_speed = 0.5 * (length[:, 1:] + length[:, :-1]) / FINE_S
    assert (mean_speed * torch.cos(slip) - speed)[fast].abs().max() < 0.05
    mean_course = course[:, :-1] + 0.5 * se2.wrap_angle(course.diff(dim=1))
    assert se2.wrap_angle(mean_course - slip - yaw)[fast].abs().max() < 5e-3


@pytest.mark.parametrize("bend", [0.0, 0.04])
def test_they_end_where_they_are_meant_to(bend: float) -> None:
    route = _route(bend, 20.0, 0.6, -0.1)
    drawn = FrenetSampler()(_on(route, 8.0, 0.0)).trajectory[0]
    ego = torch.tensor((0.0, 0.6, -0.1))
    for number, wanted_m in enumerate(frenet.OFFSETS_M):
        # The shorter courses take 6 + 1.5 * 8 m; at the whole limit of 10 m/s that is long over.
        last = drawn[number * PER_END + PROFILES - 1, -1, :3]
        x, y, _ = se2.compose(ego, last).tolist()
        offset = y if not bend else 1.0 / bend - math.hypot(x, y - 1.0 / bend)
        assert offset == pytest.approx(wanted_m, abs=5e-3)


def _with_lanes(*lines: np.ndarray) -> Observation:
    scenario = make_scenario(list(lines), [Car(0, 0.0, 0.0, 0.0, 8.0)], 3.0)
    simulator = Simulator.from_scenarios([scenario], "log", Needs(lanes=LaneSpec()))
    return simulator.observe(simulator.reset())


def test_courses_change_to_lanes_that_are_there_and_to_no_others() -> None:
    own, left = straight(-60.0, 0.0, 200.0, 0.0), straight(-60.0, 3.2, 200.0, 3.2)
    crossing = straight(20.0, -60.0, 20.0, 60.0)
    alone = FrenetSampler()(_with_lanes(own, crossing))
    beside = 2 * PER_END
    assert alone.num == len(frenet.OFFSETS_M) * PER_END + beside
    assert not alone.valid[0, -beside:].any()
    both = FrenetSampler()(_with_lanes(own, left, crossing))
    to_left = both.take(torch.arange(both.num - beside, both.num - PER_END).unsqueeze(0))
    assert not both.valid[0, -PER_END:].any()
    ends = to_left.trajectory[0, to_left.valid[0], -1]
    assert (ends[:, 1] - 3.2).abs().min() < 1e-3
    assert ends[:, 1].max() < 3.2 + 1e-3
    oncoming = straight(200.0, -3.4, -60.0, -3.4)
    to_right = FrenetSampler()(_with_lanes(own, oncoming))
    ends = to_right.trajectory[0, -PER_END:][to_right.valid[0, -PER_END:], -1]
    assert (ends[:, 1] + 3.4).abs().min() < 1e-3


def test_stops_are_among_them_and_nobody_moves_sideways_while_standing() -> None:
    drawn = FrenetSampler()(_on(_route(0.0, 20.0, 0.7, 0.0), 8.0, 0.0))
    stops = drawn.valid[0] & (drawn.trajectory[0, :, -1, 3] == 0.0)
    # Within 2 s it takes at most 1.5 * 8 / 2 m/s2, within 1 s 12 m/s2, which nobody brakes.
    assert stops.sum() > 20
    stands = drawn.trajectory[0, stops][:, 3:]  # after 2 s
    first = stands[stands[:, 0, 3] == 0.0]
    assert len(first) > 5
    torch.testing.assert_close(first, first[:, :1].expand(first.shape))
    still = FrenetSampler()(_on(_route(0.0, 20.0, 0.7, 0.1), 0.0, 0.0))
    stays = still.trajectory[0, :, -1, 3] == 0.0
    assert stays.sum() == len(frenet.OFFSETS_M) * 2 * len(frenet.SPEED_TIMES_S)
    poses = still.trajectory[0, stays]
    torch.testing.assert_close(poses, torch.zeros_like(poses), atol=1e-4, rtol=0)


@pytest.mark.parametrize("speed_mps", [0.0, 4.0, 12.0])
def test_what_is_valid_keeps_the_limits_of_the_car(
    monkeypatch: pytest.MonkeyPatch, speed_mps: float
) -> None:
    fine = _fine(monkeypatch, _on(_route(0.0, 20.0, 0.0, 0.0), speed_mps, 0.0, 1.0))
    speed, curvature = fine.trajectory[0, ..., 3], fine.trajectory[0, ..., 4]
    assert (speed >= 0.0).all()
    sharp = (curvature.abs() > math.tan(math.pi / 3) / WHEELBASE_M) | (
        curvature.abs() * speed.square() > 5.0
    )
    valid = fine.valid[0]
    assert not sharp[valid].any(dim=1).any() or sharp[valid].float().mean() < 1e-3
    # On the route itself there is no curvature: only the pedals say what can be driven.
    now = torch.full_like(speed[:PROFILES, :1], speed_mps)
    along = torch.cat((now, speed[:PROFILES]), dim=1).diff(dim=1) / FINE_S
    fits = (along.amax(dim=1) <= 4.0) & (along.amin(dim=1) >= -8.0)
    near = (along.amax(dim=1) - 4.0).abs().minimum((along.amin(dim=1) + 8.0).abs()) < 0.2
    assert (fits == valid[:PROFILES])[~near].all()
    assert valid[:PROFILES].any() and (speed_mps == 4.0 or not valid[:PROFILES].all())


def test_the_tracker_follows_what_is_valid() -> None:
    """Closely, if the acceleration across changes by less than 4 m/s3: it looks 1 s ahead."""
    ego = ego_in([12.0], [0.01])
    drawn = FrenetSampler()(seen_by(ego))
    good = torch.nonzero(drawn.valid[0]).squeeze(1)
    assert len(good) > 500
    good = good[torch.randperm(len(good), generator=torch.Generator().manual_seed(0))[:60]]
    speed, curvature = drawn.trajectory[0, good, :, 3:].unbind(-1)
    across = torch.nn.functional.pad(curvature * speed.square(), (1, 0), value=0.01 * 12.0**2)
    calm = across.diff(dim=1).abs().amax(dim=1) / DT_S < 4.0
    beside = off_course_m(ego, drawn.take(good.unsqueeze(0)))
    assert calm.sum() > 15
    assert beside[calm].max() < 0.7
    assert beside.max() < 1.5
    assert beside.median() < 0.4


@pytest.mark.parametrize("bend", [0.0, 0.25, -0.4])
@pytest.mark.parametrize("speed_mps", [0.0, 0.3, 25.0])
def test_everything_is_finite_and_the_same_again(bend: float, speed_mps: float) -> None:
    observation = _on(_route(bend, 20.0, 2.9, 1.4), speed_mps, 0.5, -6.0)
    drawn = FrenetSampler()(observation)
    assert torch.isfinite(drawn.trajectory).all()
    assert torch.equal(drawn.trajectory, FrenetSampler()(observation).trajectory)
    assert drawn.dt_s == DT_S


@pytest.mark.parametrize("bend", [0.0, 0.02])
def test_nudges_go_aside_and_come_back(monkeypatch: pytest.MonkeyPatch, bend: float) -> None:
    """At 8 m/s: 18 m out, 8 m beside it, 18 m back; by brute force from the positions."""
    monkeypatch.setattr(frenet, "DT_S", FINE_S)
    monkeypatch.setattr(frenet, "POINTS", round(10.0 / FINE_S))
    observation = _on(_route(bend, 20.0, 0.3, 0.05), 8.0, bend)
    plain = FrenetSampler().courses(observation)
    courses = FrenetSampler(nudges=True).courses(observation)
    count = len(plain.offset_m[0])
    assert torch.equal(courses.candidates.trajectory[:, :count], plain.candidates.trajectory)
    path, offset_m = courses.candidates.trajectory[0, count:], courses.offset_m[0, count:]
    assert len(path) == PROFILES * len(frenet.NUDGES_M)
    truth = _offset_m(bend, path[..., :2])
    step_m = torch.diff(path[..., :2], dim=1, prepend=torch.zeros(len(path), 1, 2)).norm(dim=-1)
    near = step_m.cumsum(dim=1) < 50.0  # farther on the route has ended
    assert (truth - offset_m).abs()[near].max() < 0.02
    fast = PROFILES - 1  # the limit, 10 m/s, after 5 s: about 90 m in 10 s
    for k, aside_m in enumerate(frenet.NUDGES_M):
        own = offset_m[k * PROFILES + fast]
        assert float(own[own.abs().argmax()]) == pytest.approx(aside_m, abs=1e-3)
        assert (own - aside_m).abs().lt(1e-3).sum() * FINE_S == pytest.approx(0.9, abs=0.25)
        assert own[-1].abs() < 1e-4


def _offset_m(bend: float, point_m: torch.Tensor) -> torch.Tensor:
    """To the left of `_route(bend, 20, 0.3, 0.05)`: of a line, or from the middle of its circle."""
    place = se2.transform_points(torch.tensor((0.0, 0.3, 0.05)), point_m)
    if not bend:
        return place[..., 1]
    middle = torch.tensor((0.0, 1.0 / bend))
    return 1.0 / bend - (place - middle).norm(dim=-1)
