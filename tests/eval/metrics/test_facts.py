"""Facts against a direct computation: boxes as polygons, one instant and one agent at a time."""

import numpy as np
import pytest
import shapely
import torch

from eval.metrics.facts import Facts
from eval.rollout import Rollout
from sim.contacts import at_fault
from sim.scenario import AgentKind
from tests.eval.metrics.test_metrics import drive
from tests.toy import Car


@pytest.fixture(scope="module")
def rollout() -> Rollout:
    """The ego swerves over the oncoming lane off the road, past a cone and through parked cars."""
    x = np.arange(41) * 1.0
    y = np.interp(x, (0, 8, 20, 30), (0.0, 0.0, 4.5, 4.5))
    yaw = np.arctan2(np.gradient(y), np.gradient(x))
    cars = [
        Car(0, 0, 0, 0, 10),
        Car(-1, 1, 0.5),  # overlaps from the start
        Car(-1, 14, 1.8, 0.4),
        Car(-1, 18, 3.0, size_m=(0.5, 0.5, 0.8), kind=AgentKind.OBJECT),
        Car(1, 60, 3.5, np.pi, 8),
        Car(0, -12, 0, 0, 12),
    ]
    made = drive(cars, ego=np.stack((x, y, yaw), axis=-1))
    made.valid[0, 15:, 2] = False  # gone while the ego is in it
    return made


def _box(pose: torch.Tensor, size_m: torch.Tensor) -> shapely.Polygon:
    x, y, yaw = pose.double().tolist()
    length, width = size_m[:2].double().tolist()
    corners = 0.5 * np.array(
        ((length, width), (-length, width), (-length, -width), (length, -width))
    )
    turn = np.array(((np.cos(yaw), np.sin(yaw)), (-np.sin(yaw), np.cos(yaw))))
    return shapely.Polygon(corners @ turn + (x, y))


def test_touching_and_first_contacts(rollout: Rollout) -> None:
    facts, size = Facts.of(rollout), rollout.world.size_m[0]
    begun: set[int] = set()
    for t in range(rollout.num_instants):
        ego = _box(rollout.pose[0, t, 0], size[0])
        for n in range(1, size.shape[0]):
            here = bool(rollout.valid[0, t, n])
            touches = here and ego.intersection(_box(rollout.pose[0, t, n], size[n])).area > 1e-9
            assert bool(facts.touching[0, n - 1, t]) == touches, (t, n)
            begins = touches and n not in begun
            assert bool(facts.contact_begins[0, n - 1, t]) == begins, (t, n)
            if touches:
                begun.add(n)
    assert 1 in begun and len(begun) >= 3
    assert facts.is_object.tolist() == [[False, False, True, False, False]]


def test_fault_is_judged_at_the_contact_alone(rollout: Rollout) -> None:
    facts, size = Facts.of(rollout), rollout.world.size_m[0, :, :2]
    assert not (facts.contact_at_fault & ~facts.contact_begins).any()
    for _, a, t in facts.contact_begins.nonzero().tolist():
        speed = rollout.velocity_mps[0, t].norm(dim=-1)
        speed[3] = 0.0  # a cone stands, whatever it does
        blame = at_fault(
            rollout.pose[0, t, 0], size[0], torch.tensor(2.4), speed[0], facts.in_one_lane[0, t],
            rollout.pose[0, t, a + 1], size[a + 1], speed[a + 1],
        )  # fmt: skip
        assert bool(facts.contact_at_fault[0, a, t]) == bool(blame)
    assert facts.contact_at_fault.any()


def test_place_on_the_road(rollout: Rollout) -> None:
    facts, size = Facts.of(rollout), rollout.world.size_m[0]
    areas = shapely.union_all(
        [shapely.Polygon(a.exterior_m) for a in rollout.world.scenarios[0].map.areas]
    )
    lanes = [shapely.Polygon(a.exterior_m) for a in rollout.world.scenarios[0].map.areas]
    sure = 0
    for t in range(rollout.num_instants):
        corners = np.array(_box(rollout.pose[0, t, 0], size[0]).exterior.coords)[:4]
        points = shapely.points(corners)
        edge_m = shapely.distance(areas.boundary, points)
        signed = np.where(shapely.contains(areas, points), -edge_m, edge_m)
        # Inside, where the two lanes meet there is no edge: only the sign counts there.
        if signed.max() > 0.1:
            assert float(facts.offroad_m[0, t]) == pytest.approx(signed.max(), abs=0.05)
        else:
            assert float(facts.offroad_m[0, t]) <= 0.1
        if min(shapely.distance(lane.boundary, points).min() for lane in lanes) < 0.1:
            continue  # on a line to the rasters' precision
        sure += 1
        inside = np.array([shapely.contains(lane, points) for lane in lanes])
        one = inside.all(axis=1).any()
        assert bool(facts.in_one_lane[0, t]) == bool(one), t
        single = one or inside.any(axis=1).sum() <= 1
        assert bool(facts.in_single_lane[0, t]) == bool(single), t
    assert sure > 15 and facts.offroad_m.max() > 0.5 and not facts.in_one_lane.all()
    assert not facts.in_junction.any()


def test_motion_and_progress(rollout: Rollout) -> None:
    facts = Facts.of(rollout)
    speed = np.hypot(*rollout.velocity_mps[0].numpy().transpose(2, 0, 1))
    np.testing.assert_allclose(facts.speed_mps[0].numpy(), speed, rtol=1e-6)
    # The route runs along y = 0 from x = -100; the expert drives 1 m a step on it.
    np.testing.assert_allclose(
        facts.route_s_m[0].numpy(), 100.0 + rollout.pose[0, :, 0, 0].numpy(), atol=0.05
    )
    np.testing.assert_allclose(facts.expert_s_m[0].numpy(), 100.0 + np.arange(41), atol=0.05)
