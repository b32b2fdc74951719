"""Where metrics were once unlike their originals: each case with the value of the original code.

nuplan-devkit e924167, NAVSIM v1.1, Waymax 48b33d7; every value was produced by running them.
"""

import math

import numpy as np
import pytest
import torch

from eval.metrics.comfort import comfortable
from eval.metrics.facts import Facts
from sim.scenario import AgentKind, LaneKind
from tests.eval.metrics.cases import BESIDE, CONNECTOR, LONG, Track, Way, drive, values
from tests.toy import straight

COLLISION = "nuplan/no_at_fault_collision"
TTC = "nuplan/time_to_collision"
NAVSIM_TTC = "navsim/time_to_collision"
DIRECTION = "nuplan/driving_direction_compliance"
PROGRESS = "nuplan/ego_progress"
LIMIT = "nuplan/speed_limit_compliance"
INFEASIBLE = "waymax/kinematic_infeasibility"


def _along(speed: float, y: float = 0.0):
    return lambda t: (speed * t, y, 0.0)


SIDE = Track(lambda t: (5 * t - 0.5, -3.55 + t, 0.0), (2.0, 1.0))


def test_01_a_lateral_contact_in_a_connector_is_not_the_egos_fault() -> None:
    rollout = drive([CONNECTOR], _along(5.0), [SIDE])
    assert values(rollout, COLLISION, TTC) == [1.0, 1.0]


def test_02_lanes_that_follow_one_another_are_one() -> None:
    ways = [Way(straight(-100, 0, 10.5, 0), after=(1,)), Way(straight(10.5, 0, 200, 0))]
    assert values(drive(ways, _along(5.0), [SIDE]), COLLISION, TTC) == [1.0, 1.0]


def test_02_a_corner_outside_every_lane_is_not_in_one() -> None:
    track = Track(lambda t: (5 * t - 0.5, 2.05 - t, 0.0), (2.0, 1.0))
    rollout = drive([LONG], _along(5.0, -1.5), [track])
    assert values(rollout, COLLISION, TTC) == [0.0, 0.0]
    # NAVSIM's own rule: the corners touch one lane only.
    facts = Facts.of(rollout)
    assert facts.in_single_lane.all()
    assert not facts.in_one_lane.any()


def test_03_bearings_are_taken_from_the_rear_axle() -> None:
    bicycle = Track(
        lambda t: (5 * t - 2.15, 3.75 - 1.2 * t, -0.24), (0.4, 0.4), AgentKind.CYCLIST
    )  # fmt: skip
    assert values(drive([LONG, BESIDE], _along(5.0, 1.75), [bicycle]), COLLISION) == [0.0]
    # What it does is not what its heading says, as in the case that was run.
    velocity = (6 * math.cos(-0.35), 6 * math.sin(-0.35))
    car = Track(lambda t: (6 * t + 3.6, 2.3, -0.35), velocity=velocity)
    assert values(drive([LONG], _along(6.0), [car]), TTC) == [0.0]


def test_04_objects_stand_whatever_is_recorded() -> None:
    cone = Track(
        lambda t: (5 * t + 0.3, np.where(t < 2 - 1e-6, -2.0, -1.1), 0.0),
        (0.5, 0.5), AgentKind.OBJECT, (0.1, 0.0),
    )  # fmt: skip
    assert values(drive([LONG], _along(5.0), [cone]), COLLISION, TTC) == [0.5, 0.0]


def test_05_ttc_moves_tracks_along_their_heading() -> None:
    track = Track(lambda t: (6.5 + 3 * t, 0.0, math.pi), velocity=(3.0, 0.0))
    assert values(drive([LONG], _along(3.0), [track]), TTC) == [0.0]


def test_06_only_an_ego_below_5_mm_a_second_has_no_ttc() -> None:
    def comes(until_s: float) -> Track:
        return Track(
            lambda t: (20 - 5 * np.minimum(t, until_s), 0.0, math.pi), velocity=(-5.0, 0.0)
        )

    assert values(drive([LONG], _along(0.03), [comes(3.0)]), TTC) == [0.0]
    # NAVSIM looks where it really comes: that has to be into the ego.
    assert values(drive([LONG], _along(0.03), [comes(3.5)]), NAVSIM_TTC) == [0.0]


def test_07_who_overlaps_the_ego_at_the_start_leaves_ttc() -> None:
    track = Track(lambda t: (5 * t - 0.5, -1.4, 0.0), (2.0, 1.0))
    assert values(drive([CONNECTOR], _along(5.0), [track]), TTC) == [1.0]


def test_08_driving_direction_sums_net_progress_along_the_baseline() -> None:
    wide = Way(straight(-100, 0, 200, 0), half_width_m=4.0)
    across = drive([wide], lambda t: (0.0, -20 + 10 * t, math.pi / 2))
    assert values(across, DIRECTION) == [1.0]
    assert values(drive([LONG], _along(-2.5)), DIRECTION) == [0.5]


def test_09_its_window_is_eleven_increments() -> None:
    # 11 * 0.19 = 2.09 m >= 2 m > 10 * 0.19 m.
    against = drive([LONG], lambda t: (-1.9 * t, 0.0, math.pi))
    assert values(against, DIRECTION) == [0.5]


def test_10_the_speed_limit_divides_by_the_duration() -> None:
    # 41 excesses of 1 m/s over 40 steps: 1 - 41 / (2.23 * 40).
    assert values(drive([LONG], _along(11.0)), LIMIT) == [pytest.approx(0.5404, abs=1e-3)]


def test_11_progress_counts_inside_the_experts_road_blocks() -> None:
    bend = math.radians(30)
    turned = straight(20, 0, 20 + 100 * math.cos(bend), 100 * math.sin(bend))
    ways = [Way(straight(-100, 0, 20, 0), after=(1,)), Way(turned)]

    def expert(t: np.ndarray) -> tuple:
        past = np.maximum(10 * t - 20, 0.0)
        x = np.minimum(10 * t, 20) + past * math.cos(bend)
        return x, past * math.sin(bend), np.where(past > 0, bend, 0.0)

    rollout = drive(ways, expert, driven=_along(10.0))
    assert values(rollout, PROGRESS) == [pytest.approx(0.565, abs=0.002)]


def test_12_the_limit_on_a_connector_is_that_of_the_lanes_around() -> None:
    ways = [
        Way(straight(-100, 0, -10, 0), after=(1,), limit_mps=12.0),
        Way(straight(-10, 0, 60, 0), LaneKind.CONNECTOR, (2,), 8.0),
        Way(straight(60, 0, 200, 0), limit_mps=12.0),
    ]
    assert values(drive(ways, _along(10.0)), LIMIT) == [1.0]
    # Off every lane there is none.
    assert values(drive([LONG], _along(30.0), driven=_along(30.0, 5.0)), LIMIT) == [1.0]


def test_the_limit_where_a_lane_forks_is_the_higher_one_until_the_branches_part() -> None:
    # Their maps fork in connectors only. The branches overlap until x = 17.6 or so.
    fork = [
        Way(straight(-100, 0, 0, 0), after=(1, 2), limit_mps=20.0),
        Way(straight(0, 0, 200, 0), limit_mps=10.0),
        Way(straight(0, 0, 200, 20), limit_mps=20.0),
    ]

    def ego(t: np.ndarray) -> tuple:
        return 11.0 * t - 10.0, 0.0, 0.0

    # It ends at x = 12 in both lanes, or at 34 in the slower one, where it then was since t = 1 s:
    # 31 excesses of 1 m/s over 40 steps, 1 - 31 / (2.23 * 40).
    assert values(drive(fork, ego, instants=21), LIMIT) == [1.0]
    assert values(drive(fork, ego), LIMIT) == [pytest.approx(0.6525, abs=1e-3)]


def test_13_jerk_is_taken_from_the_smoothed_acceleration() -> None:
    along = torch.zeros(1, 151)
    along[0, :2] = 2.0
    zero = torch.zeros_like(along)
    assert bool(comfortable(along, zero, zero, torch.tensor([151]), 0.1).all())


@pytest.mark.parametrize(("speed", "turn"), [(0.3, 0.02), (5.0, 0.1502)])
def test_14_waymax_kinematics_forgive_small_speeds_and_a_thousandth(
    speed: float, turn: float
) -> None:
    steps = np.arange(41)
    radius = speed * 0.1 / turn
    yaw = turn * steps
    velocity = speed * np.stack((np.cos(yaw), np.sin(yaw)), axis=-1)
    rollout = drive(
        [LONG],
        lambda t: (radius * np.sin(t / 0.1 * turn), radius * (1 - np.cos(t / 0.1 * turn)), yaw),
        ego_velocity=velocity,
    )
    assert values(rollout, INFEASIBLE) == [0.0]


def test_15_navsim_ttc_measures_from_where_the_ego_is() -> None:
    velocity = np.zeros((41, 2))
    velocity[0, 0] = 7.0
    pedestrian = Track(
        lambda t: (4.2, 1 + 1.5 * (0.9 - t), -math.pi / 2), (0.6, 0.6), AgentKind.PEDESTRIAN
    )  # fmt: skip
    rollout = drive([LONG], lambda t: (0 * t, 0.0, 0.0), [pedestrian], ego_velocity=velocity)
    assert values(rollout, NAVSIM_TTC) == [0.0]


def test_15_navsim_ttc_leaves_out_tracks_at_the_side_in_one_lane() -> None:
    track = Track(lambda t: (t + 0.2, np.maximum(3 - 1.6 * t, 1.4), 0.0), (2.0, 1.0))
    assert values(drive([LONG, BESIDE], _along(1.0), [track]), NAVSIM_TTC) == [1.0]


def test_15_navsim_ttc_drops_who_is_first_met_while_not_ahead() -> None:
    track = Track(lambda t: (-10 + 6 * t, 0.0, 0.0))
    assert values(drive([LONG], _along(2.5), [track]), NAVSIM_TTC) == [1.0]


def test_17_waymax_progression_has_a_value_where_the_expert_stands() -> None:
    standing = drive([LONG], lambda t: (0 * t, 0.0, 0.0))
    assert values(standing, "waymax/progression") == [1.0]


def test_17_waymax_progression_ends_with_the_route() -> None:
    # The route ends at x = 60: 50 m from the start of an expert who drives 40 m.
    way = Way(straight(-100, 0, 60, 0))
    rollout = drive([way], lambda t: (10 + 10 * t, 0.0, 0.0), driven=lambda t: (10 + 20 * t, 0, 0))
    assert values(rollout, "waymax/progression") == [1.25]
