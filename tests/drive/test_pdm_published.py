"""The published PDM-Closed, row by row where it is unlike `pdm+`; values worked out by hand."""

import math
from dataclasses import replace

import pytest
import torch

from drive.planning.futures import coasting
from drive.planning.idm_rollout import DT_S, roll_out
from drive.planning.pdm.planner import PdmClosed, full_stop
from drive.planning.pdm.proposals import HORIZON, PARAMS, Proposals, simulate
from drive.planning.pdm.rules import IMPROVED, PUBLISHED, PdmRules
from drive.planning.pdm.scorer import FURTHEST_AHEAD, score
from sim.interface import EgoState, Needs, Observation
from sim.scenario import AgentKind
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

ROAD = [straight(-60, 0, 200, 0), straight(200, 3.5, -60, 3.5)]
ONE, ZERO = torch.ones(1), torch.zeros(1)


def _observe(*cars: Car, limit_mps: float = 15.0) -> Observation:
    scenario = make_scenario(ROAD, list(cars), 1.0, limit_mps=limit_mps)
    simulator = Simulator.from_scenarios([scenario], "log", Needs(map=True))
    return simulator.observe(simulator.reset())


def _speeds(rules: PdmRules, *cars: Car, limit_mps: float = 15.0) -> list[float]:
    observation = _observe(*cars, limit_mps=limit_mps)
    profile = roll_out(observation, ONE, ZERO, PARAMS, 3, rules.rollout)
    return profile.speed_mps[0, 0].tolist()


def _straight(speeds: list[float], offsets: list[float]) -> Proposals:
    speed = torch.tensor(speeds).reshape(1, -1, 1).expand(1, -1, 41)
    side = torch.tensor(offsets).reshape(1, -1, 1).expand(1, -1, 41)
    zero = torch.zeros_like(speed)
    pose = torch.stack((speed * torch.arange(41) * 0.1, side, zero), dim=-1)
    reference = torch.cat((pose, speed.unsqueeze(-1), zero.unsqueeze(-1)), dim=-1)
    return Proposals(pose, speed, zero, zero, reference)


def _totals(rules: PdmRules, proposals: Proposals, *cars: Car) -> list[float]:
    observation = _observe(Car(0, 0, 0, 0, 8), *cars)
    instants = torch.arange(HORIZON + FURTHEST_AHEAD + 1) * DT_S
    futures = coasting(observation.agents, instants)
    return score(observation, [futures], torch.ones(1, 1), proposals, rules).total[0].tolist()


def test_idm_brakes_with_3_at_most() -> None:
    # v 10, 15 m to a standing leader: (1 + 15 + 100 / (2 sqrt 4.5)) / 15 = 2.64, squared and times
    # 1.5 more than 9 m/s2. The centre of the other is 4 m further on than the gap.
    cars = (Car(0, 0, 0, 0, 10), Car(-1, 19, 0))
    assert _speeds(PUBLISHED, *cars)[1] == pytest.approx(10 - 0.3, abs=1e-4)
    assert _speeds(IMPROVED, *cars)[1] == pytest.approx(10 - 0.6, abs=1e-4)


def test_gaps_below_a_metre_count_as_one() -> None:
    # v 0.1, gap 0.5, standing leader: s* = 1 + 0.15 + 0.01 / 4.243 = 1.1524. Over 1 m:
    # 1.5 (1 - 1.328) = -0.492; over 0.5 m it would be -6.5, clipped at -3.
    cars = (Car(0, 0, 0, 0, 0.1), Car(-1, 4.5, 0))
    assert _speeds(PUBLISHED, *cars)[1] == pytest.approx(0.1 - 0.0492, abs=1e-3)


def test_the_wanted_gap_is_not_clamped() -> None:
    # v 5 behind a leader at 20, gap 10: s* = 1 + 7.5 - 75 / 4.243 = -9.18, squared like any other:
    # 1.5 (1 - (1/3)^10 - 0.842) = 0.237. Clamped, s* is 1 and the acceleration 1.485.
    cars = (Car(0, 0, 0, 0, 5), Car(-1, 14, 0, 0, 20))
    assert _speeds(PUBLISHED, *cars)[1] == pytest.approx(5.0237, abs=1e-3)
    assert _speeds(IMPROVED, *cars)[1] == pytest.approx(5.1485, abs=1e-3)


def test_euler_drives_the_step_at_the_old_speed() -> None:
    observation = _observe(Car(0, 0, 0, 0, 10), Car(-1, 19, 0))
    for rules, driven in ((PUBLISHED, 1.0), (IMPROVED, 0.97)):
        profile = roll_out(observation, ONE, ZERO, PARAMS, 1, rules.rollout)
        assert float(profile.s_m[0, 0, 1] - profile.s_m[0, 0, 0]) == pytest.approx(driven, abs=1e-4)


def test_the_corridor_is_as_wide_as_the_ego() -> None:
    # A parked car whose side is 1.1 m from the ego's middle line: out of the way for a half width of
    # 1 m, in it with 0.2 m more.
    cars = (Car(0, 0, 0, 0, 10), Car(-1, 19, 2.1))
    assert _speeds(PUBLISHED, *cars)[1] > 10.0
    assert _speeds(IMPROVED, *cars)[1] < 9.5


def test_a_plan_is_8_s_long() -> None:
    plan = PdmClosed().plan(_observe(Car(0, 0, 0, 0, 8)))
    assert plan.trajectory.shape == (1, 80, 5)


def test_ttc_looks_at_once_and_drops_who_is_first_met_elsewhere() -> None:
    # At 2.5 m/s, with a car at 6 m/s 10 m behind, first met at 0.9 s for 0.9 s later: it then is at
    # x = 0.8, behind the rear axle at 2.25 - 1.2. Later it is ahead, but dropped by then.
    chaser = Car(-1, -10, 0, 0, 6)
    proposals = _straight([2.5], [0.0])
    assert _totals(PUBLISHED, proposals, chaser)[0] == pytest.approx(1.0, abs=1e-3)
    assert _totals(IMPROVED, proposals, chaser)[0] == pytest.approx(7 / 12, abs=1e-3)


def test_the_drivable_area_has_no_tolerance() -> None:
    # The road ends 1.75 m to the right of the lane's middle: at -0.78 m the ego is 3 cm off it.
    assert _totals(PUBLISHED, _straight([8.0], [-0.78]))[0] == 0.0
    assert _totals(IMPROVED, _straight([8.0], [-0.78]))[0] > 0.9


def test_the_whole_stretch_off_the_route_is_the_wrong_way() -> None:
    # 1.8 m/s in the oncoming lane: 1.8 m within 1 s, 7.2 m in all.
    proposals = _straight([8.0, 1.8], [0.0, 3.5])
    assert _totals(PUBLISHED, proposals)[1] == 0.0
    assert _totals(IMPROVED, proposals)[1] > 0.5


def test_progress_is_lowered_by_the_gates() -> None:
    # A barrier is hit: the gate is 0.5. 16 of 16 m: 0.5 (5 * 1 + 2) / 12; of its own 32 m half counts.
    barrier = Car(-1, 26, 0, 0, 0, (1.0, 1.0, 1.0), AgentKind.OBJECT)
    proposals = _straight([8.0, 5.0], [0.0, 0.0])
    # The best is the second, 20 m: 0.5 * 32 / 20 = 0.8.
    assert _totals(PUBLISHED, proposals, barrier)[0] == pytest.approx(0.5 * 6 / 12, abs=1e-3)
    assert _totals(IMPROVED, proposals, barrier)[0] == pytest.approx(0.5 * 7 / 12, abs=1e-3)


def test_comfort_is_judged_by_one_polynomial_over_all_samples() -> None:
    # One sample of -6 m/s2 among 41: gone in the fit of a parabola (at most 9 / 41 of it, at an end).
    proposals = _straight([8.0], [0.0])
    jolt = proposals.acceleration_mps2.clone()
    jolt[..., 20] = -6.0
    proposals = replace(proposals, acceleration_mps2=jolt)
    assert _totals(PUBLISHED, proposals)[0] == pytest.approx(1.0, abs=1e-3)
    assert _totals(IMPROVED, proposals)[0] == pytest.approx(10 / 12, abs=1e-3)


def _stopping(speed: float, acceleration: float = 0.0) -> Observation:
    observation = _observe(Car(0, 0, 0, 0, speed))
    ego = observation.ego
    return replace(
        observation,
        ego=EgoState(
            torch.tensor([speed]), torch.tensor([acceleration]), ego.steering_rad, ego.size_m,
            ego.wheelbase_m,
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("speed", "acceleration", "after_1_s"),
    [
        (5.0, 0.0, 1.045),  # 1.1 (5 - 4.05)
        (3.0, 0.0, -1.155),  # 1.1 (3 - 4.05)
        (0.1, 0.3, -0.7),  # -4 * 0.1 - 0.3
    ],
)
def test_an_emergency_brakes_by_a_p_law(
    speed: float, acceleration: float, after_1_s: float
) -> None:
    plan = full_stop(_stopping(speed, acceleration), PUBLISHED)
    assert float(plan[0, 9, 0]) == pytest.approx(after_1_s, abs=1e-4)


def test_near_a_stop_a_p_controller_brakes() -> None:
    # Speed 0.15 and a reference that stands: -0.5 * 0.15, through the lag of 0.1 / 0.3.
    observation = _stopping(0.15)
    zero = torch.zeros(1, 1, 41)
    pose = torch.stack((zero, zero + 0.3, zero), dim=-1)  # 0.3 m aside: no reason to steer
    drives = simulate(observation, pose, zero, zero, PUBLISHED)
    assert float(drives.acceleration_mps2[0, 0, 1]) == pytest.approx(-0.025, abs=1e-4)
    assert float(drives.steering_rad[0, 0, 1]) == 0.0


def test_gains_are_those_of_the_cars_own_speed() -> None:
    # 10 cm aside of a reference at 10 m/s, the car stands: at its own speeds (0, 0.91, ... by its
    # command of 9.09 m/s2) a turn of the wheel moves it less than at 10 m/s.
    observation = _stopping(0.0)
    ten = torch.full((1, 1, 41), 10.0)
    zero = torch.zeros_like(ten)
    pose = torch.stack((torch.arange(41) * torch.ones_like(ten), zero + 0.1, zero), dim=-1)
    own = simulate(observation, pose, ten, zero, PUBLISHED).steering_rad[0, 0, 1]
    reference = simulate(observation, pose, ten, zero, IMPROVED).steering_rad[0, 0, 1]
    assert float(own) > 0.0
    assert not math.isclose(float(own), float(reference), rel_tol=0.05)


def test_nothing_holds_it_in_the_middle() -> None:
    assert PUBLISHED.off_center_cost == 0.0
    assert IMPROVED.off_center_cost == 0.05
