"""NAVSIM v2's parts by hand, and its extended comfort against scipy."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.signal import savgol_filter

from eval.metrics.extended_comfort import plans_agree
from eval.metrics.suite import evaluate
from eval.rollout import Rollout
from sim.scenario import LaneKind, LightState
from tests.eval.metrics.cases import CONNECTOR, LONG, Track, Way, drive
from tests.toy import straight

ONCOMING = Way(straight(200, 3.5, -100, 3.5))
# A lane to x = 20, a connector to 40, a lane from there on.
WAYS = [
    Way(straight(-100, 0, 20, 0), after=(1,)),
    Way(straight(20, 0, 40, 0), LaneKind.CONNECTOR, after=(2,)),
    Way(straight(40, 0, 200, 0)),
]
GREEN, RED = int(LightState.GREEN), int(LightState.RED)


def _along(speed: float, y: float = 0.0):
    return lambda t: (speed * t, y, 0.0)


def _values(rollout: Rollout, *names: str) -> list[float]:
    results = evaluate(rollout)
    return [round(float(results[f"navsim/{name}"].value[0]), 4) for name in names]


@pytest.mark.parametrize(
    ("speed", "expected"),
    [(10.0, 0.0), (1.9, 0.5), (1.8, 1.0)],  # 11 steps of 1 m; of 0.19 m: 2.09 m; of 0.18: 1.98
)
def test_metres_off_the_route(speed: float, expected: float) -> None:
    rollout = drive([LONG, ONCOMING], _along(speed), driven=_along(speed, 3.5))
    assert _values(rollout, "driving_direction_compliance") == [expected]


def test_the_route_and_intersections_are_no_wrong_direction() -> None:
    name = "driving_direction_compliance"
    assert _values(drive([LONG], _along(10.0)), name) == [1.0]
    beside = Way(straight(-100, 3.5, 200, 3.5), LaneKind.CONNECTOR)
    rollout = drive([LONG, beside], _along(10.0), driven=_along(10.0, 3.5))
    assert _values(rollout, name) == [1.0]


@pytest.mark.parametrize(
    ("red_from_s", "red_to_s", "route", "expected"),
    [
        (0.0, 1.7, (0, 1, 2), 1.0),  # green before the front bumper is there: x = 18, 1.8 s
        (0.0, 2.0, (0, 1, 2), 0.0),
        (3.0, 4.0, (0, 1, 2), 0.0),  # entered on green, still in it
        (4.3, 5.0, (0, 1, 2), 1.0),  # the rear bumper leaves x = 40 at 4.2 s
        (0.0, 5.0, (0, 2), 1.0),  # not a connector of the route
    ],
)
def test_red_connectors(
    red_from_s: float, red_to_s: float, route: tuple[int, ...], expected: float
) -> None:
    time = np.arange(51) * 0.1
    state = np.where((time >= red_from_s - 1e-6) & (time < red_to_s - 1e-6), RED, GREEN)
    rollout = drive(WAYS, _along(10.0), instants=51, route=route, lights={1: state})
    assert _values(rollout, "traffic_light_compliance") == [expected]
    # The same line before the junction: it stands at the end of the lane that leads into it.
    rollout = drive(WAYS, _along(10.0), instants=51, route=route, lights={0: state})
    assert _values(rollout, "traffic_light_compliance") == [expected]


def _beside(first: int, last: int, y: float = 0.6):
    """At y from instant `first` to `last`, both included."""
    return lambda t: (
        10.0 * t, np.where((t > 0.1 * first - 0.05) & (t < 0.1 * last + 0.05), y, 0.0), 0.0,
    )  # fmt: skip


def test_lane_keeping() -> None:
    for last, y, expected in ((29, 0.6, 0.0), (28, 0.6, 1.0), (29, 0.45, 1.0)):
        rollout = drive([LONG], _along(10.0), driven=_beside(10, last, y))
        assert _values(rollout, "lane_keeping") == [expected]


def test_lane_keeping_skips_intersections_without_starting_anew() -> None:
    # In the connector from x = 20 to 40, instants 20 to 40: 10 before it and 10 after it are 20.
    for last, expected in ((51, 0.0), (48, 1.0)):
        rollout = drive(WAYS, _along(10.0), driven=_beside(10, last), instants=61, route=(0, 1, 2))
        assert _values(rollout, "lane_keeping") == [expected]
    assert _values(drive([CONNECTOR], _along(5.0), driven=_along(5.0, 0.6)), "lane_keeping") == [
        1.0
    ]


def test_progress() -> None:
    assert _values(drive([LONG], _along(10.0), driven=_along(8.0)), "ego_progress") == [0.8]
    # Slow ones are forgiven: neither gets 5 m far.
    assert _values(drive([LONG], _along(1.2), driven=_along(0.0)), "ego_progress") == [1.0]
    # Faster than the recorded ego, but in a standing car: it is measured by the recorded ego.
    hit = drive([LONG], _along(10.0), [Track(lambda t: (25.0, 0.0, 0.0))], driven=_along(5.0))
    assert _values(hit, "no_at_fault_collision", "ego_progress", "epdms") == [1.0, 0.5, 0.8214]
    fast = drive([LONG], _along(4.0), [Track(lambda t: (25.0, 0.0, 0.0))], driven=_along(10.0))
    assert _values(fast, "no_at_fault_collision", "ego_progress", "epdms") == [0.0, 1.0, 0.0]


def _course(rollout: Rollout, differs_from: int | None = None, by: float = 0.0) -> Rollout:
    """Plans of steady 10 m/s; those made from an instant on speed up by `by` m/s^2."""
    steps = torch.arange(41) * 0.1
    course = torch.zeros(1, rollout.num_instants, 41, 2)
    course[..., 0] = 10.0
    if differs_from is not None:
        course[:, differs_from:, :, 0] += by * steps
    return replace(rollout, course=course)


def test_the_score_of_a_perfect_drive() -> None:
    rollout = drive([LONG], _along(10.0))
    parts = ("no_at_fault_collision", "driving_direction_compliance", "traffic_light_compliance",
             "ego_progress", "lane_keeping", "history_comfort", "epdms")  # fmt: skip
    assert _values(rollout, *parts) == [1.0] * 7
    assert not evaluate(rollout)["navsim/extended_comfort"].valid.any()
    assert _values(_course(rollout), *parts, "extended_comfort") == [1.0] * 8


def test_the_weights() -> None:
    # 40 instants with plans, looked at every 5: pairs (0, 5), (5, 10), ... (30, 35). Those from
    # instant 20 on speed up: (15, 20) alone differs, 6 of 7 agree.
    rollout = _course(drive([LONG], _along(10.0)), 20, 1.0)
    assert _values(rollout, "extended_comfort") == [0.8571]
    assert _values(rollout, "epdms") == [round((14 + 2 * 6 / 7) / 16, 4)]
    late = replace(rollout, active=(torch.arange(41) < 17).unsqueeze(0))
    assert _values(late, "extended_comfort") == [1.0]  # (15, 20) is after the end
    aside = _course(drive([LONG], _along(10.0), driven=_along(10.0, 0.6)))
    assert _values(aside, "lane_keeping", "epdms") == [0.0, 0.875]


def test_a_policy_has_no_extended_comfort() -> None:
    rollout = drive([LONG], _along(10.0))
    rollout = replace(rollout, course=torch.full((1, 41, 41, 2), torch.nan))
    assert not evaluate(rollout)["navsim/extended_comfort"].valid.any()
    assert _values(rollout, "epdms") == [1.0]


def test_bounds_of_extended_comfort() -> None:
    time = torch.arange(36) * 0.1
    steady = torch.stack((torch.full_like(time, 10.0), torch.zeros_like(time)), dim=-1)

    def agrees(speed_up: float = 0.0, yaw_rate: float = 0.0) -> bool:
        other = steady + torch.stack((speed_up * time, yaw_rate * time), dim=-1)
        return bool(plans_agree(steady[None], other[None], 0.1))

    assert agrees() and agrees(speed_up=0.69) and not agrees(speed_up=0.71)
    # 10 m/s and 0.06 rad/s are 0.6 m/s^2 to the side, 0.08 are 0.8.
    assert agrees(yaw_rate=0.06) and not agrees(yaw_rate=0.08)
    slow = steady * torch.tensor((0.1, 1.0))
    turns = slow + torch.stack((0 * time, 0.11 * time), dim=-1)
    assert not bool(plans_agree(slow[None], turns[None], 0.1))  # 0.11 m/s^2 alone would do


def _rms_by_scipy(course: np.ndarray, other: np.ndarray, dt_s: float) -> np.ndarray:
    """As navsim's `extract_features`, from accelerations of steps."""
    found = []
    for speed, yaw in ((course[:, 0], course[:, 1]), (other[:, 0], other[:, 1])):
        along, rate = np.diff(speed) / dt_s, np.diff(np.unwrap(yaw)) / dt_s
        along, rate = np.append(along[:1], along), np.append(rate[:1], rate)
        smooth = savgol_filter(np.hypot(along, speed * rate), 8, 2)
        turned = np.unwrap(yaw)
        found.append((
            smooth,
            savgol_filter(smooth, 15, 2, deriv=1, delta=dt_s),
            savgol_filter(turned, 5, 2, deriv=1, delta=dt_s),
            savgol_filter(turned, 5, 2, deriv=2, delta=dt_s),
        ))  # fmt: skip
    return np.sqrt(((np.stack(found[0]) - np.stack(found[1])) ** 2).mean(axis=-1))


def test_extended_comfort_against_scipy() -> None:
    rng = np.random.default_rng(0)
    time = np.arange(36) * 0.1
    bounds = np.array((0.7, 0.5, 0.1, 0.1))
    decided = {True: 0, False: 0}
    for _ in range(200):
        base = np.stack((8 + time, math.pi - 0.1 + 0.1 * time), axis=-1)
        wave = rng.uniform(0, 0.7, 2) * np.sin(rng.uniform(0.3, 2.0, 2) * time[:, None])
        other = base + wave * (1.0, 0.15)
        rms = _rms_by_scipy(base, other, 0.1)
        if (np.abs(rms / bounds - 1.0) < 0.02).any():
            continue
        expected = bool((rms <= bounds).all())
        pair = (torch.tensor(v).float().unsqueeze(0) for v in (base, other))
        assert bool(plans_agree(*pair, 0.1)) == expected
        decided[expected] += 1
    assert min(decided.values()) > 20
