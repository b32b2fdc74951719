"""How near the ego came: against shapely, and by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import shapely
import torch

from eval.metrics.encounters import contact_time_s, encroachment_steps
from eval.metrics.suite import evaluate
from eval.rollout import Rollout, rollout
from eval.undisturbed import Undisturbed
from sim.interface import Observation, Plan
from sim.scenario import AgentKind
from sim.simulator import Simulator
from tests.eval.metrics.cases import BESIDE, LONG, Track, drive
from tests.toy import Car, make_scenario, straight

TTC, PET = "bevdrive/min_time_to_collision", "bevdrive/post_encroachment_time"
IMPOSED = "bevdrive/imposed_deceleration"


def _along(speed: float, y: float = 0.0):
    return lambda t: (speed * t, y, 0.0)


def _value(driven: Rollout, name: str) -> float | None:
    result = evaluate(driven)[name]
    return float(result.value[0]) if result.valid[0] else None


def _box(pose, size) -> shapely.Polygon:
    corners = 0.5 * np.asarray(size) * np.array(((1, 1), (-1, 1), (-1, -1), (1, -1)))
    cos, sin = math.cos(pose[2]), math.sin(pose[2])
    return shapely.Polygon(corners @ np.array(((cos, sin), (-sin, cos))) + pose[:2])


def test_contact_times_against_shapely() -> None:
    rng = np.random.default_rng(8)
    pose_a, pose_b = rng.normal(0.0, 6.0, (2, 300, 3))
    size_a, size_b = rng.uniform(0.5, 6.0, (2, 300, 2))
    velocity = rng.normal(0.0, 4.0, (300, 2))
    velocity -= 0.5 * (pose_b - pose_a)[:, :2]  # most come nearer
    velocity[:40] = np.array(((1.0, 0.0),))  # along an axis of box a
    pose_a[:40, 2] = 0.0
    found = contact_time_s(*(torch.tensor(v) for v in (pose_a, size_a, pose_b, size_b, velocity)))
    met = 0
    for k, time_s in enumerate(found.tolist()):
        a, b = _box(pose_a[k], size_a[k]), _box(pose_b[k], size_b[k])
        # Where b passes: the area that it sweeps, as the hull of its start and its end.
        far = 200.0 * velocity[k]
        sweep = shapely.union(b, shapely.affinity.translate(b, *far)).convex_hull
        if math.isinf(time_s):
            assert sweep.intersection(a).area < 1e-6
        else:
            at = shapely.affinity.translate(b, *(velocity[k] * time_s))
            assert at.distance(a) < 1e-6
            assert at.intersection(a).area < 1e-6 or time_s == 0.0
            met += time_s > 0.0
    assert 60 < met < 270


def test_time_to_a_standing_car() -> None:
    # Bumper to bumper it is 52 - 4 = 48 m; after 4 s at 10 m/s 8 m are left: 0.8 s.
    driven = drive([LONG], _along(10.0), [Track(lambda t: (52.0, 0.0, 0.0))])
    assert _value(driven, TTC) == pytest.approx(0.8, abs=1e-3)
    assert evaluate(driven)[TTC].per_step[0, 10] == pytest.approx(3.8, abs=1e-3)


def test_time_across() -> None:
    # A bicycle 1 x 1 m comes at 2 m/s from the left, 9 m beside: its side is 9 - 0.5 - 1 = 7.5 m away,
    # 3.75 s; at 10 m/s less 10 m/s of a bus beside nothing closes. After 3 s 0.75 s are left.
    bicycle = Track(
        lambda t: (10.0 * t, 9.0 - 2.0 * t, -math.pi / 2), (1.0, 1.0), AgentKind.CYCLIST
    )  # fmt: skip
    driven = drive([LONG], _along(10.0), [bicycle], instants=31)
    assert _value(driven, TTC) == pytest.approx(0.75, abs=1e-3)


def test_nobody_in_the_way_is_ten_seconds() -> None:
    assert _value(drive([LONG], _along(10.0)), TTC) == 10.0
    beside = Track(_along(10.0, 3.5))
    assert _value(drive([LONG, BESIDE], _along(10.0), [beside]), TTC) == 10.0


def test_objects_stand_whatever_is_recorded() -> None:
    cone = Track(lambda t: (62.0, 0.0, 0.0), (0.5, 0.5), AgentKind.OBJECT, (-5.0, 0.0))
    # (62 - 2.25 - 40) / 10.
    assert _value(drive([LONG], _along(10.0), [cone]), TTC) == pytest.approx(1.975, abs=1e-3)


def test_post_encroachment_by_hand() -> None:
    # Ego, 4 m long, at 10 m/s; it is between x = 19 and 21 from 1.7 to 2.3 s: instants 1.8 to 2.2.
    # The car comes along x = 20, y = 8 t - 28: it enters y = -1 at 3.125 s: instant 3.2. 1.0 s.
    car = Track(lambda t: (20.0, 8.0 * t - 28.0, math.pi / 2))
    driven = drive([LONG], _along(10.0), [car])
    assert _value(driven, PET) == pytest.approx(1.0, abs=1e-4)
    # The other first: it is there until y - 2 = 1: y = 8 t - 10, 1.625 s, instant 1.6. 0.2 s.
    first = Track(lambda t: (20.0, 8.0 * t - 10.0, math.pi / 2))
    assert _value(drive([LONG], _along(10.0), [first]), PET) == pytest.approx(0.2, abs=1e-4)
    hit = Track(lambda t: (20.0, 8.0 * t - 16.0, math.pi / 2))
    assert _value(drive([LONG], _along(10.0), [hit]), PET) == 0.0


def test_who_follows_does_not_cross() -> None:
    follower = Track(lambda t: (10.0 * t - 12.0, 0.0, 0.0))
    assert _value(drive([LONG], _along(10.0), [follower]), PET) is None


def test_encroachment_against_every_pair() -> None:
    rng = np.random.default_rng(2)
    worlds, instants, agents = 3, 14, 5
    yaw = rng.uniform(-3, 3, (worlds, 1, agents))
    speed = rng.uniform(0, 3, (worlds, 1, agents))
    time = np.arange(instants)[None, :, None]
    start = rng.normal(0.0, 8.0, (worlds, 1, agents, 2))
    xy = start + (speed * time)[..., None] * np.stack((np.cos(yaw), np.sin(yaw)), axis=-1)
    pose = np.concatenate((xy, np.broadcast_to(yaw[..., None], (*xy.shape[:3], 1))), axis=-1)
    size = rng.uniform(1.0, 5.0, (worlds, agents, 2))
    valid = rng.random((worlds, instants, agents)) < 0.9
    found = encroachment_steps(*(torch.tensor(v) for v in (pose, size, valid)), 6)
    for b in range(worlds):
        for t in range(instants):
            least = 7
            for n in range(1, agents):
                for u in range(instants):
                    if abs(u - t) > 6 or not (valid[b, t, 0] and valid[b, u, n]):
                        continue
                    ego, other = _box(pose[b, t, 0], size[b, 0]), _box(pose[b, u, n], size[b, n])
                    crosses = math.cos(yaw[b, 0, 0] - yaw[b, 0, n]) <= math.cos(math.pi / 6)
                    if crosses and ego.intersection(other).area > 1e-9:
                        least = min(least, abs(u - t))
            assert int(found[b, t]) == least
    assert 0 < int((found <= 6).sum()) < found.numel()


class Halts:
    """Stands where it is."""

    def plan(self, observation: Observation) -> Plan:
        trajectory = torch.zeros(len(observation.ego.speed_mps), 5, 5)
        return Plan(trajectory, observation.dt_s)


def test_what_a_standing_ego_asks_of_who_comes_from_behind() -> None:
    """With nobody in front the follower never brakes; all of its braking is imposed."""
    scenario = make_scenario(
        [straight(-100, 0, 200, 0)], [Car(0, 0, 0, 0, 0.0), Car(0, -40, 0, 0, 9.0)], 8.0
    )
    simulator = Simulator.from_scenarios([scenario], "idm")
    alone = Undisturbed.of(simulator)
    assert alone is not None and not alone.valid[..., 0].any() and alone.valid[..., 1].all()
    assert float(alone.acceleration_mps2[0, :, 1].min()) >= 0.0
    driven = replace(rollout(simulator, Halts()), undisturbed=alone)
    braking = -float(driven.acceleration_mps2[0, :, 1].min())
    assert braking > 0.5
    assert _value(driven, IMPOSED) == pytest.approx(braking)


def test_braking_that_would_have_been_done_anyway_is_not_imposed() -> None:
    driven = drive([LONG], _along(5.0), [Track(_along(5.0, 3.5)), Track(_along(5.0, -3.5))])
    assert _value(driven, IMPOSED) is None  # nobody knows what they would have done
    acceleration = driven.acceleration_mps2.clone()
    acceleration[0, 10, 1], acceleration[0, 20, 2] = -3.0, -2.5
    alone = torch.zeros_like(acceleration)
    alone[0, 30, 1], alone[0, 5, 2] = -2.0, -0.5
    driven = replace(
        driven, acceleration_mps2=acceleration, undisturbed=Undisturbed(alone, driven.valid)
    )
    assert _value(driven, IMPOSED) == pytest.approx(2.0)  # 2.5 - 0.5; of the first 3 - 2
    course = evaluate(driven)[IMPOSED].per_step[0]
    assert (float(course[10]), float(course[20]), float(course.sum())) == (1.0, 2.0, 3.0)


def test_replayed_traffic_asks_nothing() -> None:
    scenario = make_scenario([straight(-100, 0, 200, 0)], [Car(0, 0, 0)], 1.0)
    assert Undisturbed.of(Simulator.from_scenarios([scenario], "log")) is None
