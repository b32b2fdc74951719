"""Worlds taken from a batch, and put into one, behave as those built from the same scenarios."""

import torch

from sim.dynamics.bicycle import Controls
from sim.interface import Needs, Plan
from sim.maps.lane_table import LaneSpec
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
# Paths, agents and maps of three sizes: whatever is not moved along shows up.
SCENARIOS = generate(["signalized_junction", "roundabout", "crosswalk"], 3, seed=5, duration_s=3.0)


def _drive(simulator: Simulator, steps: int = 15) -> list[WorldState]:
    states = [simulator.reset()]
    zeros = torch.zeros(simulator.world.num_worlds)
    for _ in range(steps):
        states.append(simulator.step(states[-1], Controls(zeros, zeros)))
    return states


def _same(one: Simulator, row: int, alone: Simulator) -> None:
    """Row `row` of `one` (padded to more) moves and is seen as the single world of `alone`."""
    agents = alone.world.size_m.shape[1]
    mine, truth = _drive(one), _drive(alone)
    for a, b in zip(mine, truth, strict=True):
        assert torch.equal(a.valid[row, :agents], b.valid[0])
        assert not a.valid[row, agents:].any()
        moved = torch.where(b.valid[0, :, None], a.pose[row, :agents] - b.pose[0], 0.0)
        assert moved.abs().max() < 1e-4
    seen, alike = one.observe(mine[-1]), alone.observe(truth[-1])
    points = torch.rand(3, 40, 2, generator=torch.Generator().manual_seed(0)) * 60 - 30
    assert seen.map and alike.map and seen.lanes and alike.lanes
    off = seen.map.offroad_distance_m(points[: one.world.num_worlds])[row]
    assert seen.raster is not None and alike.raster is not None and seen.lidar and alike.lidar
    assert torch.allclose(off, alike.map.offroad_distance_m(points[row : row + 1])[0], atol=1e-4)
    assert torch.equal(seen.route.stop_s_m[row], alike.route.stop_s_m[0])
    assert torch.allclose(seen.lanes.point_m[row], alike.lanes.point_m[0], atol=1e-3)
    assert (seen.raster[row] != alike.raster[0]).float().mean() < 1e-3
    assert seen.raster[row].sum() > 100
    assert torch.allclose(seen.lidar.range_m[row], alike.lidar.range_m[0], atol=1e-2)
    assert seen.lidar.hit[row].any()


def _simulator(*numbers: int) -> Simulator:
    return Simulator.from_scenarios([SCENARIOS[k] for k in numbers], "idm", NEEDS)


def test_worlds_taken_from_a_batch() -> None:
    taken = _simulator(0, 1, 2).take(torch.tensor((2, 0, 2)))
    assert [s.scenario_id for s in taken.world.scenarios] == [
        SCENARIOS[k].scenario_id for k in (2, 0, 2)
    ]
    for row, k in enumerate((2, 0, 2)):
        _same(taken, row, _simulator(k))


def test_worlds_put_into_a_batch_in_place() -> None:
    source = _simulator(0, 1, 2)
    batch = source.take(torch.tensor((0, 0, 0)))
    batch.put(torch.tensor((0, 2)), source, torch.tensor((1, 2)))
    for row, k in enumerate((1, 0, 2)):
        _same(batch, row, _simulator(k))
        _same(source, k, _simulator(k))  # untouched


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
