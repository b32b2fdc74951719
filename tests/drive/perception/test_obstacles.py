"""Cones on a made road, by the simulator's own lidar: each is an obstacle, whoever was found is none."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from drive.features.sweeps import LIDAR
from drive.perception.detections import Detections
from drive.perception.obstacles import MOST, obstacles, with_obstacles
from drive.perception.perceiving import Perceiving
from sim.dynamics.bicycle import Controls
from sim.geometry.grid import BevGrid
from sim.interface import Agents, Needs, Observation
from sim.scenario import AgentKind
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

CONE, CAR, OFF_ROAD = (12.0, 0.3), (20.0, 3.5), (14.0, -6.0)


def _observed(needs: Needs) -> Observation:
    """Two lanes; a cone ahead, a car that stands in the other lane, a cone beside the road."""
    lines = [straight(-60.0, 0.0, 100.0, 0.0), straight(-60.0, 3.5, 100.0, 3.5)]
    cone = (0.4, 0.4, 0.8)
    cars = [
        Car(0, 0.0, 0.0, 0.0, 8.0),
        Car(-1, *CONE, 0.0, 0.0, cone, AgentKind.OBJECT),
        Car(-1, *CAR, 0.0),
        Car(-1, *OFF_ROAD, 0.0, 0.0, cone, AgentKind.OBJECT),
    ]
    simulator = Simulator.from_scenarios([make_scenario(lines, cars, 3.0)], "log", needs)
    return simulator.observe(simulator.reset())


@pytest.fixture(scope="module")
def observation() -> Observation:
    return _observed(Needs(history_s=0.5, map=True, lidar=LIDAR))


def _found(observation: Observation, known: Agents) -> Agents:
    sweep = observation.lidar
    assert sweep is not None and observation.map is not None
    return obstacles(sweep.point_m.flatten(1, 2), sweep.hit.flatten(1), observation.map, known)


def _knowing(observation: Observation, *who: int) -> Agents:
    agents = observation.agents
    valid = torch.zeros_like(agents.valid)
    valid[:, list(who)] = True
    return replace(agents, valid=valid & agents.valid)


def _near(found: Agents, place_m: tuple[float, float], reach_m: float) -> int:
    gap = (found.pose[0, :, :2] - torch.tensor(place_m)).norm(dim=-1)
    return int((found.valid[0] & (gap < reach_m)).sum())


def test_a_cone_on_the_road_stands_there(observation: Observation) -> None:
    found = _found(observation, _knowing(observation, 1))  # the car is known of
    assert 1 <= _near(found, CONE, 0.7) == int(found.valid.sum()) <= 4
    assert (found.kind[found.valid] == int(AgentKind.OBJECT)).all()
    assert not found.velocity_mps.any()
    number = found.id[found.valid]
    assert len(set(number.tolist())) == len(number)
    assert int(number.min()) >= 0 and int(number.max()) < 2**15  # as reports keep them


def test_a_car_without_a_box_is_an_obstacle(observation: Observation) -> None:
    found = _found(observation, _knowing(observation))
    assert _near(found, CAR, 3.0) > 2 and _near(found, CONE, 0.7) > 0
    assert _near(found, OFF_ROAD, 2.0) == 0


def test_whoever_is_known_is_none(observation: Observation) -> None:
    assert not _found(observation, _knowing(observation, 0, 1)).valid.any()


def test_a_slope_is_none(observation: Observation) -> None:
    """The same returns on a road that climbs by one in ten."""
    sweep = observation.lidar
    assert sweep is not None
    point_m = sweep.point_m.clone()
    point_m[..., 2] += 0.1 * point_m[..., 0]
    steep = replace(observation, lidar=replace(sweep, point_m=point_m))
    assert not _found(steep, _knowing(observation, 0, 1)).valid.any()
    assert _near(_found(steep, _knowing(observation, 1)), CONE, 0.7) > 0


def test_a_planner_is_shown_them_as_if_they_had_always_stood_there(
    observation: Observation,
) -> None:
    found = _found(observation, _knowing(observation, 1))
    shown = with_obstacles(observation, found)
    past, before = shown.history, observation.history
    assert past is not None and before is not None
    assert shown.agents.valid.shape[1] == observation.agents.valid.shape[1] + MOST
    assert past.valid.shape[1] == before.valid.shape[1] + MOST
    assert torch.equal(past.pose[:, -MOST:, 0], found.pose)
    assert torch.equal(past.valid[:, -MOST:, 0], found.valid)


class _Blind:
    """A detector that finds nobody."""

    def detect(self, point_m: Tensor, valid: Tensor, grid: BevGrid) -> Detections:
        return Detections(point_m.new_zeros(len(point_m), 1, 7), point_m.new_zeros(len(point_m), 1))


class _Sees:
    """A detector that finds the car, so surely at each look."""

    def __init__(self, *scores: float) -> None:
        self._scores = iter(scores)

    def detect(self, point_m: Tensor, valid: Tensor, grid: BevGrid) -> Detections:
        box = torch.tensor([[[*CAR, 0.8, 4.5, 1.9, 1.5, 0.0]]])
        return Detections(box, torch.full((1, 1), next(self._scores)))


class _Stands:
    """Keeps what it is shown."""

    def __init__(self, needs: Needs) -> None:
        self.needs = needs

    def plan(self, observation: Observation) -> Controls:
        self.seen = observation
        zero = torch.zeros_like(observation.ego.speed_mps)
        return Controls(zero, zero)


@pytest.mark.parametrize("knows_map", [True, False])
def test_who_plans_by_lidar_is_told_if_it_knows_the_map(knows_map: bool) -> None:
    planner = _Stands(Needs(map=knows_map))
    around = Perceiving(planner, _Blind())
    around.plan(_observed(around.needs))
    told = planner.seen.agents
    assert (_near(told, CONE, 0.7) > 0) == (_near(told, CAR, 3.0) > 0) == knows_map


@pytest.mark.parametrize(
    ("scores", "is_obstacle"),
    [
        pytest.param((0.3,), False, id="seen once: it is looked at again"),
        pytest.param((0.3, 0.3), False, id="handed on"),
        # 0.16 * 0.6065 + 0.06 * 0.3935 = 0.121 after half a second, below 0.15.
        pytest.param((0.16, 0.06), True, id="doubted: what is there stands there"),
    ],
)
def test_who_is_an_obstacle_as_nobody_is_sure_of_it(
    scores: tuple[float, ...], is_obstacle: bool
) -> None:
    planner = _Stands(Needs(map=True))
    around = Perceiving(planner, _Sees(*scores))
    observation = _observed(around.needs)
    for look in range(len(scores)):
        around.plan(replace(observation, step=observation.step + 5 * look))
    objects = planner.seen.agents
    objects = replace(objects, valid=objects.valid & (objects.kind == int(AgentKind.OBJECT)))
    assert (_near(objects, CAR, 3.0) > 0) == is_obstacle
