"""Metrics on hand-built drives, each value worked out by hand."""

import math

import numpy as np
import pytest
import torch

from eval.metrics.facts import Facts
from eval.metrics.savgol import SavgolFilter
from eval.metrics.suite import evaluate
from eval.rollout import Rollout
from sim.contacts import at_fault, in_one_lane
from sim.scenario import AgentKind
from sim.world import World
from tests.toy import Car, make_scenario, straight

ROAD = [straight(-100, 0, 200, 0), straight(200, 3.5, -100, 3.5)]


def drive(
    cars: list[Car], seconds: float = 4.0, ego: np.ndarray | None = None, limit: float = 10.0
) -> Rollout:
    """Everyone holds speed and heading; `ego` [T, 3] replaces the ego's poses."""
    scenario = make_scenario(ROAD, cars, seconds, limit_mps=limit)
    world = World.from_scenarios([scenario])
    pose = world.log.pose.transpose(1, 2).clone()
    velocity = world.log.velocity_mps.transpose(1, 2).clone()
    if ego is not None:
        pose[0, :, 0] = torch.tensor(ego).float()
        steps = torch.diff(pose[0, :, 0, :2], dim=0) / 0.1
        velocity[0, :, 0] = torch.cat((2 * steps[:1] - steps[1:2], steps))
    return Rollout(
        world=world,
        dt_s=0.1,
        active=torch.ones(pose.shape[:2], dtype=torch.bool),
        pose=pose,
        velocity_mps=velocity,
        acceleration_mps2=torch.zeros(pose.shape[:3]),
        valid=world.log.valid.transpose(1, 2).clone(),
        ego_steering_rad=torch.zeros(pose.shape[:2]),
        plan=pose[:, :, :1],
    )


def value(rollout: Rollout, name: str) -> float:
    return float(evaluate(rollout)[name].value[0])


def test_running_into_a_standing_car_is_the_egos_fault() -> None:
    # 10 m/s from x = 0; the standing car's rear is at 28: contact when 2 + 10 t > 28, t = 2.6 s.
    rollout = drive([Car(0, 0, 0, 0, 10), Car(-1, 30, 0)])
    facts = Facts.of(rollout)
    assert facts.contact_at_fault[0, 0].nonzero().flatten().tolist() in ([26], [27])
    assert value(rollout, "nuplan/no_at_fault_collision") == 0.0
    assert value(rollout, "nuplan/score") == 0.0


def test_being_hit_from_behind_is_not() -> None:
    rollout = drive([Car(0, 0, 0, 0, 5), Car(0, -20, 0, 0, 15)])
    facts = Facts.of(rollout)
    assert facts.contact_begins.any()
    assert not facts.contact_at_fault.any()
    assert value(rollout, "nuplan/no_at_fault_collision") == 1.0


def test_standing_ego_is_never_at_fault() -> None:
    rollout = drive([Car(0, 0, 0, 0, 0), Car(1, 20, 0, math.pi, 10)])
    facts = Facts.of(rollout)
    assert facts.contact_begins.any()
    assert not facts.contact_at_fault.any()


@pytest.mark.parametrize(("one_lane", "fault"), [(True, False), (False, True)])
def test_lateral_contact_depends_on_the_lane(one_lane: bool, fault: bool) -> None:
    # The other is 2.5 m back and 1.9 m to the left, 4 m long: it ends near x = -0.5, clear of the
    # front edge at x = 2; its bearing, 143 degrees, is not yet "behind" (150): a lateral contact.
    ego, other = torch.tensor([0.0, 0.0, 0.0]), torch.tensor([-0.5, 1.9, -0.1])
    size = torch.tensor([4.0, 2.0])
    result = at_fault(
        ego, size, torch.tensor(2.4), torch.tensor(5.0), torch.tensor(one_lane),
        other + torch.tensor([-2.0, 0.0, 0.0]), size, torch.tensor(5.0),
    )  # fmt: skip
    assert bool(result) is fault


def test_in_one_lane_by_bits() -> None:
    bits = torch.tensor([[1, 1, 1, 1], [1, 1, 2, 2], [3, 1, 1, 3], [1, 0, 0, 1]])
    assert in_one_lane(bits).tolist() == [True, False, True, True]


def test_one_object_is_half_two_are_none() -> None:
    cone = {"size_m": (0.4, 0.4, 0.8), "kind": AgentKind.OBJECT}
    one = drive([Car(0, 0, 0, 0, 10), Car(-1, 15, 0, **cone)])
    two = drive([Car(0, 0, 0, 0, 10), Car(-1, 15, 0, **cone), Car(-1, 25, 0, **cone)])
    assert value(one, "nuplan/no_at_fault_collision") == 0.5
    assert value(two, "nuplan/no_at_fault_collision") == 0.0


@pytest.mark.parametrize(
    ("beyond_m", "nuplan", "navsim"), [(0.2, 1.0, 0.0), (0.4, 0.0, 0.0), (-0.2, 1.0, 1.0)]
)
def test_drivable_area(beyond_m: float, nuplan: float, navsim: float) -> None:
    # The road's right edge is y = -1.75; the ego is 2 m wide, so its right side is at y - 1.
    y = -0.75 - beyond_m
    poses = np.stack((np.arange(41) * 1.0, np.full(41, y), np.zeros(41)), axis=-1)
    rollout = drive([Car(0, 0, 0, 0, 10)], ego=poses)
    assert value(rollout, "nuplan/drivable_area_compliance") == nuplan
    assert value(rollout, "navsim/drivable_area_compliance") == navsim


@pytest.mark.parametrize(("speed", "expected"), [(1.5, 1.0), (4.0, 0.5), (8.0, 0.0)])
def test_driving_against_the_lane(speed: float, expected: float) -> None:
    # In the oncoming lane (y = 3.5): 1.5, 4 and 8 m within one second.
    poses = np.stack((np.arange(41) * 0.1 * speed, np.full(41, 3.5), np.zeros(41)), axis=-1)
    rollout = drive([Car(0, 0, 0, 0, speed)], ego=poses)
    assert value(rollout, "nuplan/driving_direction_compliance") == expected


@pytest.mark.parametrize(
    ("fraction", "progress", "making"), [(1.2, 1.0, 1.0), (0.5, 0.5, 1.0), (0.1, 0.1, 0.0)]
)
def test_progress_against_the_recorded_ego(fraction: float, progress: float, making: float) -> None:
    # The recorded ego drives 40 m in 4 s.
    poses = np.stack((np.arange(41) * fraction, np.zeros(41), np.zeros(41)), axis=-1)
    rollout = drive([Car(0, 0, 0, 0, 10)], ego=poses)
    assert value(rollout, "nuplan/ego_progress") == pytest.approx(progress, abs=0.01)
    assert value(rollout, "nuplan/making_progress") == making


@pytest.mark.parametrize(("gap_m", "expected"), [(8.0, 0.0), (10.5, 1.0)])
def test_time_to_collision_behind_a_slower_car(gap_m: float, expected: float) -> None:
    # Closing at 10 m/s: 8 m are 0.8 s, under 0.95 s; 10.5 m are 1.05 s, over it.
    rollout = drive([Car(0, 0, 0, 0, 10), Car(-1, 4 + gap_m, 0, 0, 0)], seconds=0.1)
    rollout.valid[0, 1] = False  # judge the first instant alone
    assert value(rollout, "nuplan/time_to_collision") == expected


def test_speed_limit() -> None:
    # 1 m/s over at 41 instants, over 40 steps: 1 - 41 / 40 / 2.23 = 0.5404.
    rollout = drive([Car(0, 0, 0, 0, 11)], limit=10.0)
    assert value(rollout, "nuplan/speed_limit_compliance") == pytest.approx(
        1 - 41 / 40 / 2.23, abs=1e-3
    )


@pytest.mark.parametrize(("braking", "expected"), [(3.9, 1.0), (4.2, 0.0)])
def test_comfort_of_constant_braking(braking: float, expected: float) -> None:
    # x = v t - b t^2 / 2; finite differences of it give the braking exactly at every step.
    t = np.arange(21) * 0.1
    poses = np.stack((15 * t - 0.5 * braking * t**2, np.zeros(21), np.zeros(21)), axis=-1)
    rollout = drive([Car(0, 0, 0, 0, 10)], seconds=2.0, ego=poses)
    assert value(rollout, "nuplan/comfort") == expected


def test_savgol_is_scipys_filter_for_every_length() -> None:
    from scipy.signal import savgol_filter

    lengths = np.array((2, 3, 4, 5, 7, 8, 9, 14, 15, 16, 29, 40))
    signal = np.random.default_rng(0).normal(size=(len(lengths), 40)).cumsum(axis=1)
    for window, order, derivative in ((8, 2, 0), (15, 2, 1), (5, 2, 1), (5, 3, 2)):
        smooth = SavgolFilter(window, order, derivative)
        ours = smooth(torch.tensor(signal).float(), torch.tensor(lengths), 0.1)
        for row, length in enumerate(lengths):
            truth = np.zeros(length)
            if min(window, length) > order:
                own = min(window, int(length))
                truth = savgol_filter(signal[row, :length], own, order, derivative, 0.1)
            np.testing.assert_allclose(ours[row, :length], truth, rtol=1e-4, atol=2e-3)
        whole = smooth(torch.tensor(signal).float(), None, 0.1)
        truth = savgol_filter(signal, window, order, derivative, 0.1)
        np.testing.assert_allclose(whole, truth, rtol=1e-4, atol=2e-3)


def test_waymax_divergence_and_overlap() -> None:
    # The ego falls behind its recording by 0.5 m each 0.1 s: mean over 0..40 steps = 0.5 * 20 = 10.
    poses = np.stack((np.arange(41) * 0.5, np.zeros(41), np.zeros(41)), axis=-1)
    rollout = drive([Car(0, 0, 0, 0, 10), Car(-1, 100, 0)], ego=poses)
    assert value(rollout, "waymax/log_divergence") == pytest.approx(10.0, abs=1e-3)
    assert value(rollout, "waymax/overlap") == 0.0
    assert value(rollout, "waymax/progression") == pytest.approx(0.5, abs=0.01)


def test_nan_padding_changes_nothing() -> None:
    rollout = drive([Car(0, 0, 0, 0, 8), Car(-1, 60, 0), Car(-1, 90, 30)])
    clean = {k: float(v.value[0]) for k, v in evaluate(rollout).items()}
    rollout.valid[:, :, 2] = False
    rollout.pose[:, :, 2] = torch.nan
    rollout.velocity_mps[:, :, 2] = torch.nan
    rollout.world.size_m[:, 2] = torch.nan
    assert {k: float(v.value[0]) for k, v in evaluate(rollout).items()} == clean
