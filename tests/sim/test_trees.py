"""Worlds taken from a batch, and put into one, behave as those built from the same scenarios."""

from functools import cache

import torch

from sim.dynamics.bicycle import Controls
from sim.interface import Needs, Observation, Plan
from sim.maps.lane_table import LaneSpec
from sim.scenario import Scenario
from sim.sensors.lidar_presets import LidarSpec
from sim.sensors.raster import RasterSpec
from sim.simulator import Simulator
from sim.sources.procedural import generate
from sim.world import WorldState

RASTER = RasterSpec(channels=("drivable", "route", "light_red", "vehicles"))
LIDAR = LidarSpec((-2.0, -8.0), 90, 60.0)
NEEDS = Needs(
    map=True, raster=RASTER, lidar=LIDAR, lanes=LaneSpec(8), history_s=0.3, perception="visible"
)


@cache
def _scenarios() -> list[Scenario]:
    """Paths, agents and maps of three sizes: whatever is not moved along shows up."""
    families = ["signalized_junction", "roundabout", "crosswalk"]
    return generate(families, 3, seed=5, duration_s=3.0)


def _drive(simulator: Simulator, steps: int = 12) -> tuple[list[WorldState], Observation]:
    """Every state, and what is seen in the last."""
    states = [simulator.reset()]
    zeros = torch.zeros(simulator.world.num_worlds)
    for _ in range(steps):
        states.append(simulator.step(states[-1], Controls(zeros, zeros)))
    return states, simulator.observe(states[-1])


@cache
def _alone(number: int) -> tuple[list[WorldState], Observation]:
    return _drive(_simulator(number))


def _require_same(batch: Simulator, numbers: tuple[int, int, int]) -> None:
    """Each row of the batch (padded to more) moves and is seen as that scenario alone."""
    states, seen = _drive(batch)
    for row, number in enumerate(numbers):
        _require_same_row(states, seen, row, number)


def _require_same_row(mine: list[WorldState], seen: Observation, row: int, number: int) -> None:
    truth, alike = _alone(number)
    agents = truth[0].pose.shape[1]
    for a, b in zip(mine, truth, strict=True):
        assert torch.equal(a.valid[row, :agents], b.valid[0])
        assert not a.valid[row, agents:].any()
        moved = torch.where(b.valid[0, :, None], a.pose[row, :agents] - b.pose[0], 0.0)
        assert moved.abs().max() < 1e-4
    points = torch.rand(3, 40, 2, generator=torch.Generator().manual_seed(0)) * 60 - 30
    assert seen.map and alike.map and seen.lanes and alike.lanes
    off = seen.map.offroad_distance_m(points)[row]
    assert seen.raster is not None and alike.raster is not None and seen.lidar and alike.lidar
    assert torch.allclose(off, alike.map.offroad_distance_m(points[row : row + 1])[0], atol=1e-4)
    assert torch.equal(seen.route.stop_s_m[row], alike.route.stop_s_m[0])
    assert torch.allclose(seen.lanes.point_m[row], alike.lanes.point_m[0], atol=1e-3)
    assert (seen.raster[row] != alike.raster[0]).float().mean() < 1e-3
    assert seen.raster[row].sum() > 100
    assert torch.allclose(seen.lidar.range_m[row], alike.lidar.range_m[0], atol=1e-2)
    assert seen.lidar.hit[row].any()


def _simulator(*numbers: int) -> Simulator:
    return Simulator.from_scenarios([_scenarios()[k] for k in numbers], "idm", NEEDS)


def test_worlds_taken_from_a_batch() -> None:
    taken = _simulator(0, 1, 2).take(torch.tensor((2, 0, 2)))
    assert [s.scenario_id for s in taken.world.scenarios] == [
        _scenarios()[k].scenario_id for k in (2, 0, 2)
    ]
    _require_same(taken, (2, 0, 2))


def test_worlds_put_into_a_batch_in_place() -> None:
    source = _simulator(0, 1, 2)
    batch = source.take(torch.tensor((0, 0, 0)))
    batch.put(torch.tensor((0, 2)), source, torch.tensor((1, 2)))
    _require_same(batch, (1, 0, 2))
    _require_same(source, (0, 1, 2))  # untouched


def test_controls_move_the_ego_as_the_plan_that_asks_for_them() -> None:
    # Straight on at a constant speed: the tracker commands nothing, so controls of zero agree.
    simulator = _simulator(0)
    start = simulator.reset()
    v = float(start.speed_mps[0, 0])
    time = torch.arange(1, 41) * 0.1
    zero = torch.zeros_like(time)
    straight = torch.stack((v * time, zero, zero, zero + v, zero), dim=-1).unsqueeze(0)
    tracked = simulator.step(start, Plan(straight, 0.1))
    driven = simulator.step(start, Controls(torch.zeros(1), torch.zeros(1)))
    assert torch.allclose(tracked.pose, driven.pose, atol=1e-5)
