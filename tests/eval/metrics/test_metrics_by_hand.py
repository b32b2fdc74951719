"""More metrics on hand-built drives: collision types, comfort bounds at their edges, PDMS, Waymax."""

import math

import numpy as np
import pytest
import torch

from eval.metrics.comfort import comfortable
from eval.metrics.facts import Facts
from eval.metrics.suite import evaluate
from sim.scenario import AgentKind
from tests.eval.metrics.test_metrics import drive, value
from tests.toy import Car

DT_S = 0.1


def _course(
    x: np.ndarray, y: np.ndarray | float = 0.0, yaw: np.ndarray | float = 0.0
) -> np.ndarray:
    return np.stack(np.broadcast_arrays(x, y, yaw), axis=-1)


def _comfortable(along: torch.Tensor, across: torch.Tensor, yaw: torch.Tensor) -> torch.Tensor:
    length = torch.tensor([yaw.shape[1]])
    return comfortable(along, across, yaw, length, DT_S)


# --- collisions -----------------------------------------------------------------------------------


def test_head_on_with_a_moving_car_is_the_egos_fault() -> None:
    # Fronts at 2 and 48, closing at 20 m/s: contact after 46 / 20 = 2.3 s, front edge in its box.
    rollout = drive([Car(0, 0, 0, 0, 10), Car(-1, 50, 0, math.pi, 10)])
    facts = Facts.of(rollout)
    assert facts.contact_begins[0, 0].nonzero().flatten().tolist() in ([23], [24])
    assert facts.contact_at_fault.any()
    assert value(rollout, "nuplan/no_at_fault_collision") == 0.0
    assert value(rollout, "navsim/pdms") == 0.0


def test_a_pedestrian_hit_by_the_front_costs_everything_a_cone_half() -> None:
    # Both stand at x = 20: reached by the front edge after (20 - 0.3 - 2) / 10 = 1.77 s.
    size = (0.6, 0.6, 1.7)
    person = drive([Car(0, 0, 0, 0, 10), Car(-1, 20, 0, size_m=size, kind=AgentKind.PEDESTRIAN)])
    cone = drive([Car(0, 0, 0, 0, 10), Car(-1, 20, 0, size_m=size, kind=AgentKind.OBJECT)])
    assert value(person, "nuplan/no_at_fault_collision") == 0.0
    assert value(cone, "nuplan/no_at_fault_collision") == 0.5


def test_a_pedestrian_who_walks_into_the_egos_side_is_nobodys_fault_in_one_lane() -> None:
    # He comes from the left at 2 m/s to y = 1.3 = 1 + 0.3 after (5 - 1.3) / 2 = 1.85 s, when the ego
    # is at x = 9.25: he is beside its middle, not at its front; the ego keeps its lane.
    walker = Car(
        -1, 9.25, 5, -math.pi / 2, 2, size_m=(0.6, 0.6, 1.7), kind=AgentKind.PEDESTRIAN
    )  # fmt: skip
    rollout = drive([Car(0, 0, 0, 0, 5), walker])
    facts = Facts.of(rollout)
    assert facts.contact_begins[0, 0].nonzero().flatten().tolist() in ([19], [20])
    assert not facts.contact_at_fault.any()


def test_overlap_from_the_start_is_a_contact_to_nuplan_and_waymax_alone() -> None:
    # nuPlan's first instant is one like the others: a standing car is run into. NAVSIM leaves out
    # whoever overlaps the ego at the start.
    rollout = drive([Car(0, 0, 0, 0, 10), Car(-1, 1, 0)])
    assert Facts.of(rollout).contact_begins[0, 0].nonzero().flatten().tolist() == [0]
    assert value(rollout, "nuplan/no_at_fault_collision") == 0.0
    assert value(rollout, "waymax/overlap") == 1.0
    assert value(rollout, "navsim/pdms") == 1.0


# --- comfort: each bound just inside and just outside ----------------------------------------------
# Signals are polynomials that the Savitzky-Golay filters reproduce exactly, so that the smoothed
# derivative is the true one at every instant.

_T = torch.arange(41) * DT_S
_ZERO = torch.zeros(1, 41)


def _fine(along: torch.Tensor, across: torch.Tensor, yaw: torch.Tensor) -> bool:
    return bool(_comfortable(along, across, yaw).all())


@pytest.mark.parametrize(("inside", "outside"), [(-4.04, -4.06), (2.39, 2.41)])
def test_longitudinal_acceleration(inside: float, outside: float) -> None:
    assert _fine(_ZERO + inside, _ZERO, _ZERO)
    assert not _fine(_ZERO + outside, _ZERO, _ZERO)


def test_lateral_acceleration() -> None:
    assert _fine(_ZERO, _ZERO + 4.88, _ZERO)
    assert not _fine(_ZERO, _ZERO - 4.90, _ZERO)


def test_longitudinal_jerk() -> None:
    # a = j t - 2.5 stays within the bounds of the acceleration for 1 s. Its smoothing has an even
    # window and with it half a sample of delay in the middle, which the ends do not have: the jerk
    # of the smoothed ramp is up to 1.16317 j (scipy's savgol_filter, twice). 4.13 / 1.16317 = 3.5506.
    short, zero = _T[:11], torch.zeros(1, 11)

    def ramp(jerk: float) -> bool:
        return bool(_comfortable((jerk * short - 2.5).unsqueeze(0), zero, zero).all())

    assert ramp(3.54)
    assert not ramp(3.56)


def test_jerk_of_the_whole_acceleration() -> None:
    # Lateral from 0.2 to 4.7 in 0.5 s or so: |a| rises at the given rate; nothing else is out.
    short, zero = _T[:6], torch.zeros(1, 6)

    def ramp(jerk: float) -> bool:
        return bool(_comfortable(zero, (jerk * short + 0.2).unsqueeze(0), zero).all())

    assert ramp(8.36)
    assert not ramp(8.38)


def test_yaw_rate_and_yaw_acceleration() -> None:
    # Turning at a constant rate; then yaw = w t^2 / 2 with a rate that stays small for 0.4 s.
    assert _fine(_ZERO, _ZERO, (0.94 * _T).unsqueeze(0))
    assert not _fine(_ZERO, _ZERO, (0.96 * _T).unsqueeze(0))
    short, zero = _T[:5], torch.zeros(1, 5)
    assert bool(_comfortable(zero, zero, (0.5 * 1.92 * short**2).unsqueeze(0)).all())
    assert not bool(_comfortable(zero, zero, (0.5 * 1.94 * short**2).unsqueeze(0)).all())


# --- the scores put together ------------------------------------------------------------------------


def test_nuplan_score_of_a_slow_drive() -> None:
    # Half the expert's progress, everything else perfect: (5 * 0.5 + 5 + 4 + 2) / 16 = 0.84375.
    rollout = drive([Car(0, 0, 0, 0, 10)], ego=_course(np.arange(41) * 0.5))
    assert value(rollout, "nuplan/score") == pytest.approx(13.5 / 16, abs=5e-3)


def test_pdms_of_a_slow_drive() -> None:
    # EP 0.5, TTC and comfort 1: (5 * 0.5 + 5 + 2) / 12 = 0.79167.
    rollout = drive([Car(0, 0, 0, 0, 10)], ego=_course(np.arange(41) * 0.5))
    assert value(rollout, "navsim/pdms") == pytest.approx(9.5 / 12, abs=5e-3)


def test_pdms_of_a_hit_cone() -> None:
    # NC 0.5; the cone, first ahead and standing, costs the TTC too: 0.5 * (5 + 0 + 2) / 12.
    cone = Car(-1, 20, 0, size_m=(0.4, 0.4, 0.9), kind=AgentKind.OBJECT)
    rollout = drive([Car(0, 0, 0, 0, 10), cone])
    assert value(rollout, "navsim/pdms") == pytest.approx(0.5 * 7 / 12, abs=1e-3)


@pytest.mark.parametrize(("gap_m", "expected"), [(8.5, 0.0), (9.5, 1.0)])
def test_navsim_ttc_looks_09_s_ahead_at_where_the_others_will_be(
    gap_m: float, expected: float
) -> None:
    # A standing car; the ego at 10 m/s moves 9 m in 0.9 s. One instant, then the other is taken away
    # so that nothing but the first instant's look ahead can fail.
    rollout = drive([Car(0, 0, 0, 0, 10), Car(-1, 4 + gap_m, 0)], seconds=0.9)
    rollout.valid[0, :9, 1] = False  # the other exists at t = 0.9 s alone
    rollout.active[0, 1:] = False
    assert value(rollout, "navsim/time_to_collision") == expected


# --- Waymax -------------------------------------------------------------------------------------


def test_waymax_overlap_counts_whoever_is_at_fault() -> None:
    rollout = drive([Car(0, 0, 0, 0, 5), Car(0, -20, 0, 0, 15)])
    assert value(rollout, "nuplan/no_at_fault_collision") == 1.0
    assert value(rollout, "waymax/overlap") == 1.0


@pytest.mark.parametrize(("y", "expected"), [(-0.7, 0.0), (-0.85, 1.0)])
def test_waymax_offroad(y: float, expected: float) -> None:
    # The right side of the ego is at y - 1, the edge of the road at -1.75. No tolerance.
    rollout = drive([Car(0, 0, 0, 0, 10)], ego=_course(np.arange(41) * 1.0, y))
    assert value(rollout, "waymax/offroad") == expected


@pytest.mark.parametrize(("acceleration", "expected"), [(10.0, 0.0), (10.8, 1.0)])
def test_waymax_infeasible_acceleration(acceleration: float, expected: float) -> None:
    t = np.arange(11) * DT_S
    rollout = drive([Car(0, 0, 0, 0, 10)], 1.0, ego=_course(0.5 * acceleration * t**2 + t))
    assert value(rollout, "waymax/kinematic_infeasibility") == expected


@pytest.mark.parametrize(("radius", "expected"), [(3.5, 0.0), (3.2, 1.0)])
def test_waymax_infeasible_curvature(radius: float, expected: float) -> None:
    # 1 / 3.5 = 0.286 < 0.3 < 1 / 3.2 = 0.3125.
    angle = np.arange(41) * 0.3 / radius
    circle = _course(radius * np.sin(angle), radius * (1 - np.cos(angle)), angle)
    rollout = drive([Car(0, 0, 0, 0, 3)], ego=circle)
    assert value(rollout, "waymax/kinematic_infeasibility") == expected


@pytest.mark.parametrize(
    ("y", "off", "wrong"), [(1.0, 0.0, 0.0), (-3.6, 0.0, 1.0), (-5.2, 1.0, 1.0)]
)
def test_waymax_off_route_and_wrong_way(y: float, off: float, wrong: float) -> None:
    # The only lane that the rules leave to the ego runs along y = 0: 3.5 m from it is the wrong way,
    # 5 m off the route. (The other lane of the road comes the other way.)
    rollout = drive([Car(0, 0, 0, 0, 10)], ego=_course(np.arange(41) * 1.0, y))
    assert value(rollout, "waymax/off_route") == off
    assert value(rollout, "waymax/wrong_way") == wrong


def test_every_metric_is_a_finite_number() -> None:
    rollout = drive([Car(0, 0, 0, 0, 0), Car(-1, 20, 0)])
    for name, result in evaluate(rollout).items():
        assert torch.isfinite(result.value).all(), name
        assert torch.isfinite(result.per_step).all(), name
