"""Worlds taken from a batch, and put into one, behave as those built from the same scenarios."""

import torch

from sim.interface import Controls, Plan
from sim.sensors.lidar_presets import LidarSpec
from sim.sensors.raster import RasterSpec
from sim.sensors.suite import SensorSuite
from sim.sources.procedural import generate
from sim.traffic import make_traffic
from sim.world import World, WorldState

RASTER = RasterSpec(channels=("drivable", "route", "light_red", "vehicles"))
LIDAR = LidarSpec((-2.0, -8.0), 90, 60.0)
# Paths, agents and maps of three sizes: whatever is not moved along shows up.
SCENARIOS = generate(["signalized_junction", "roundabout", "crosswalk"], 3, seed=5, duration_s=3.0)


def _drive(world: World, steps: int = 15) -> list[WorldState]:
    states = [world.reset()]
    still = Controls(torch.zeros(world.num_worlds), torch.zeros(world.num_worlds))
    for _ in range(steps):
        states.append(world.step(states[-1], still))
    return states


def _same(one: World, row: int, alone: World) -> None:
    """Row `row` of `one` (padded to more) moves and is seen as the single world of `alone`."""
    agents = alone.size_m.shape[1]
    mine, truth = _drive(one), _drive(alone)
    for a, b in zip(mine, truth, strict=True):
        assert torch.equal(a.valid[row, :agents], b.valid[0])
        assert not a.valid[row, agents:].any()
        moved = torch.where(b.valid[0, :, None], a.pose[row, :agents] - b.pose[0], 0.0)
        assert moved.abs().max() < 1e-4
    seen, alike = one.observe(mine[-1]), alone.observe(truth[-1])
    points = torch.rand(3, 40, 2, generator=torch.Generator().manual_seed(0)) * 60 - 30
    off = seen.map.offroad_distance_m(points[: one.num_worlds])[row]
    assert torch.allclose(off, alike.map.offroad_distance_m(points[row : row + 1])[0], atol=1e-4)
    assert torch.equal(seen.route.stop_s_m[row], alike.route.stop_s_m[0])


def _world(*numbers: int) -> World:
    return World.from_scenarios([SCENARIOS[k] for k in numbers], make_traffic("idm"))


def _complete(world: World) -> World:
    """With everything made that is made when first asked for."""
    _drive(world, 1)
    _ = world.field
    return world


def test_worlds_taken_from_a_batch() -> None:
    taken = _complete(_world(0, 1, 2)).take(torch.tensor((2, 0, 2)))
    assert [s.scenario_id for s in taken.scenarios] == [SCENARIOS[k].scenario_id for k in (2, 0, 2)]
    for row, k in enumerate((2, 0, 2)):
        _same(taken, row, _world(k))


def test_worlds_put_into_a_batch_in_place() -> None:
    source = _complete(_world(0, 1, 2))
    batch = source.take(torch.tensor((0, 0, 0)))
    batch.put(torch.tensor((0, 2)), source, torch.tensor((1, 2)))
    for row, k in enumerate((1, 0, 2)):
        _same(batch, row, _world(k))
        _same(source, k, _world(k))  # untouched


def test_sensors_are_taken_along() -> None:
    source = _world(0, 1, 2)
    index = torch.tensor((1, 0))
    taken = source.take(index)
    suite = SensorSuite.of(source, RASTER, LIDAR).take(index)
    alone = _world(1)
    raster, sweep = suite.sense(taken, taken.reset())
    one, ray = SensorSuite.of(alone, RASTER, LIDAR).sense(alone, alone.reset())
    assert raster is not None and one is not None and sweep is not None and ray is not None
    assert torch.equal(raster[0], one[0]) and raster[0].sum() > 100
    assert torch.equal(sweep.range_m[0], ray.range_m[0]) and sweep.hit[0].any()


def test_controls_move_the_ego_as_the_plan_that_asks_for_them() -> None:
    # Straight on at a constant speed: the tracker commands nothing, so controls of zero agree.
    world = _world(0)
    start = world.reset()
    v = float(start.speed_mps[0, 0])
    time = torch.arange(1, 41) * 0.1
    zero = torch.zeros_like(time)
    straight = torch.stack((v * time, zero, zero, zero + v, zero), dim=-1).unsqueeze(0)
    tracked = world.step(start, Plan(straight, 0.1))
    driven = world.step(start, Controls(torch.zeros(1), torch.zeros(1)))
    assert torch.allclose(tracked.pose, driven.pose, atol=1e-5)
