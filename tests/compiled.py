"""Compiled without graph breaks, world, metrics and sensors give what they give in eager mode.

`test_compiled.py` runs the checks in processes of their own: the type checks of the tests do not compile.
"""

import sys
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from drive.features.example import ExampleSpec
from drive.perception.detections import Detections
from drive.perception.online_tracker import Tracks, track
from drive.prediction.joint import JointConfig, JointPredictor
from eval.metrics.suite import evaluate
from eval.rollout import collect, plan_in_world
from sim import trees
from sim.compiling import compiled, least, materialize
from sim.contacts import collided, offroad
from sim.interface import Needs, Plan
from sim.maps.lane_table import LaneSpec
from sim.scenario import EGO
from sim.sensors import lidar as lidar_module
from sim.sensors.lidar import Lidar
from sim.sensors.lidar_presets import LidarSpec
from sim.sensors.raster import CHANNELS, Rasterizer, RasterSpec, Scene
from sim.sensors.sweep import LabelledSweep
from sim.simulator import Simulator
from sim.sources.procedural import draft
from sim.world import World, WorldState

STEPS = 40


def _simulator(traffic: str = "log", needs: Needs | None = None) -> Simulator:
    scenarios = [draft("signalized_junction", seed=1), draft("crosswalk", seed=2)]
    return Simulator.from_scenarios(scenarios, traffic, needs)


def _plan(world: World, state: WorldState) -> Plan:
    """To the left at 8 m/s, off the road in time: every metric shall have something to say."""
    time = (torch.arange(40) + 1) * world.dt_s
    level = torch.ones_like(time)
    rows = torch.stack((7.4 * time, 3.1 * time, 0.4 * level, 8.0 * level, 0.0 * level), dim=-1)
    return Plan(rows.expand(world.num_worlds, -1, -1), world.dt_s)


def _drive(simulator: Simulator) -> list[WorldState]:
    def dense(tensor: Tensor) -> Tensor:
        return tensor.clone(memory_format=torch.contiguous_format)

    states = [trees.map_tensors(dense, simulator.reset())]
    for _ in range(STEPS):
        states.append(simulator.step(states[-1], _plan(simulator.world, states[-1])))
    return states


def _equal(eager: Tensor, other: Tensor, what: str) -> None:
    if eager.dtype == torch.bool:
        assert torch.equal(eager, other), what
    else:
        torch.testing.assert_close(other, eager, rtol=1e-5, atol=1e-5, msg=lambda m: f"{what}: {m}")


def _all_equal(eager: object, other: object) -> None:
    found = list(trees.tensors(eager))
    for (name, value), (_, fast) in zip(found, trees.tensors(other), strict=True):
        _equal(value, fast, name)
    assert found


def check_step() -> None:
    simulator = _simulator("idm", Needs(history_s=0.5, perception="visible"))
    world = simulator.world

    def advance(state: WorldState) -> tuple[WorldState, Tensor, Tensor]:
        after = simulator.step(state, _plan(world, state))
        return after, collided(world, after), offroad(world, after)

    fast = compiled(advance)
    off_steps = 0
    for state in _drive(simulator)[:-1]:
        (after, *contacts), (fast_after, *fast_contacts) = advance(state), fast(state)
        _all_equal(after, fast_after)
        for ours, theirs in zip(contacts, fast_contacts, strict=True):
            assert torch.equal(ours, theirs)
        off_steps += int(contacts[1][:, EGO].sum())
    assert off_steps > 0


def check_metrics() -> None:
    simulator = _simulator("idm")
    world, states = simulator.world, _drive(simulator)
    plans = [plan_in_world(state, _plan(world, state)) for state in states]
    rollout = collect(world, states, plans)
    eager, fast = evaluate(rollout), compiled(evaluate)(rollout)
    assert eager.keys() == fast.keys()
    for name, result in eager.items():
        for part, value in vars(result).items():
            _equal(value, vars(fast[name])[part], f"{name} {part}")


def check_raster() -> None:
    world = _simulator().world
    rasterizer = Rasterizer.of(world, RasterSpec(channels=CHANNELS))
    scene = Scene.of(world, world.reset())
    # Askew, so that few cell centres lie on an edge: those may fall to either side.
    scene.pose[:, :, 0] += torch.tensor((0.13, 0.37, 0.61))
    eager = rasterizer.draw(scene)
    fast = compiled(rasterizer.draw)(scene)
    differ = ((eager - fast).abs() > 1e-5).float().mean(dim=(0, 2, 3))
    names = rasterizer.spec.names
    assert differ.max() < 1e-4, dict(zip(names, differ.tolist(), strict=True))


def check_lidar() -> None:
    world = _simulator().world
    lidar = Lidar.of(world, LidarSpec((3.0, -1.0, -4.0, -15.0), 180, 80.0))
    state = world.reset()
    eager = lidar.sweep(world, state)
    _same_sweeps(eager, compiled(lidar.sweep)(world, state))
    # Columns that cross more than compiled code has room for: it then asks every footprint.
    torch.compiler.reset()
    with mock.patch.object(lidar_module, "_MOST_CROSSED", 1):  # up to 3 are
        _same_sweeps(eager, compiled(lidar.sweep)(world, state))


def _same_sweeps(eager: LabelledSweep, fast: LabelledSweep) -> None:
    differ = (eager.range_m - fast.range_m).abs() > 1e-5 * eager.range_m.clamp(min=1.0)
    assert differ.float().mean() < 1e-3
    assert torch.equal(eager.hit[~differ], fast.hit[~differ])


def check_observe() -> None:
    simulator = _simulator("log", Needs(0.5, map=True, lanes=LaneSpec(16), perception="visible"))
    state = _drive(simulator)[-1]

    def look(state: WorldState) -> tuple[Any, ...]:
        seen = simulator.observe(state)
        return seen.ego, seen.agents, seen.route, seen.history, seen.lanes

    for eager, fast in zip(look(state), compiled(look)(state), strict=True):
        _all_equal(eager, fast)


def check_gradient() -> None:
    # d/dx of (3 x)^2 = 18 x, through a value that is stored on the way.
    def loss(x: Tensor) -> Tensor:
        (tripled,) = materialize(3.0 * x)
        return (tripled**2).sum()

    x = torch.tensor((1.0, -2.0), requires_grad=True)
    compiled(loss)(x).backward()
    assert torch.equal(x.grad, torch.tensor((18.0, -36.0)))


def check_masks() -> None:
    # Masks that are stored on the way, read in place, from behind, and by a reduction.
    def marks(x: Tensor, given: Tensor) -> tuple[Tensor, ...]:
        near, kept = materialize((x.abs() < 1.0) & given, given)
        return near, ~near, near.flip(1), near.any(dim=1), torch.where(near, x, 0.0), kept

    x = torch.linspace(-2.0, 2.0, 40).reshape(2, 20)
    given = torch.arange(40).reshape(2, 20) % 3 > 0
    for eager, stored in zip(marks(x, given), compiled(marks)(x, given), strict=True):
        assert eager.dtype == stored.dtype and torch.equal(eager, stored)


def check_least() -> None:
    # The first of equal ones, all of them infinite in the last row.
    values = torch.randint(0, 4, (3, 40), generator=torch.Generator().manual_seed(0)).float()
    values[2] = torch.inf
    for eager, found in zip(values.min(dim=-1), compiled(least)(values), strict=True):
        assert eager.dtype == found.dtype and torch.equal(eager, found)


def check_forecast() -> None:
    network = JointPredictor(JointConfig(width=16, heads=2, pair_width=8)).eval()
    simulator = _simulator(needs=ExampleSpec().needs())
    seen = simulator.observe(simulator.reset(torch.tensor([10, 12])))
    ego = torch.zeros(2, 12, 3)

    def forecast(ego_future: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            joint = network.predict_joint(seen, ego_future)
        return joint.pose, joint.probability

    one_graph = torch.compile(forecast, fullgraph=True, backend="eager")
    for eager, traced in zip(forecast(ego), one_graph(ego), strict=True):
        _equal(eager, traced, "forecast")


def check_tracker() -> None:
    noise = torch.Generator().manual_seed(0)
    box = torch.rand(2, 12, 7, generator=noise) * torch.tensor((60.0, 40, 1, 5, 2, 2, 3)) + 0.5
    ego, tracks = torch.tensor(((0.0, 0.0, 0.0), (5.0, 1.0, 0.5))), Tracks.none(2, box.device)
    one_graph = torch.compile(track, fullgraph=True, backend="eager")
    for k in range(4):
        place = box + 0.1 * k + 0.2 * torch.rand(box.shape, generator=noise)
        found = Detections(place, torch.linspace(0.9, 0.0, 12).expand(2, 12))
        after = track(tracks, found, ego, 0.5)
        _all_equal(after, one_graph(tracks, found, ego, 0.5))
        tracks = after
    assert int((tracks.valid & tracks.is_sure).sum()) >= 12


CHECKS = {
    "step": check_step,
    "metrics": check_metrics,
    "raster": check_raster,
    "lidar": check_lidar,
    "observe": check_observe,
    "gradient": check_gradient,
    "masks": check_masks,
    "least": check_least,
    "forecast": check_forecast,
    "tracker": check_tracker,
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[1:]:
        CHECKS[name]()
        torch._dynamo.reset()
