"""Compiled without graph breaks, world, metrics and sensors give what they give in eager mode.

`test_compiled.py` runs each check as its own process: the type checks of the tests do not compile.
"""

import sys
from dataclasses import replace

import torch
from torch import Tensor

from eval.metrics.suite import evaluate
from eval.rollout import collect, plan_in_world
from sim.compiling import compiled, materialize
from sim.contacts import collided, offroad
from sim.interface import Plan
from sim.scenario import EGO
from sim.sensors.lidar import Lidar
from sim.sensors.lidar_presets import LidarSpec
from sim.sensors.raster import CHANNELS, Rasterizer, RasterSpec, Scene
from sim.sources.procedural import draft
from sim.traffic import make_traffic
from sim.world import World, WorldState

STEPS = 40


def _world(traffic: str = "log") -> World:
    scenarios = [draft("signalized_junction", seed=1), draft("crosswalk", seed=2)]
    world = World.from_scenarios(scenarios, make_traffic(traffic))
    _ = world.field, world.wheelbase_m, world.drivers, world.log_hints, world.reachable
    return world


def _plan(world: World, state: WorldState) -> Plan:
    """To the left at 8 m/s, off the road in time: every metric shall have something to say."""
    time = (torch.arange(40) + 1) * world.dt_s
    level = torch.ones_like(time)
    rows = torch.stack((7.4 * time, 3.1 * time, 0.4 * level, 8.0 * level, 0.0 * level), dim=-1)
    return Plan(rows.expand(world.num_worlds, -1, -1), world.dt_s)


def _drive(world: World) -> list[WorldState]:
    state = world.reset()
    dense = {k: v.clone(memory_format=torch.contiguous_format) for k, v in vars(state).items()}
    states = [replace(state, **dense)]
    for _ in range(STEPS):
        states.append(world.step(states[-1], _plan(world, states[-1])))
    return states


def _equal(eager: Tensor, other: Tensor, what: str) -> None:
    if eager.dtype == torch.bool:
        assert torch.equal(eager, other), what
    else:
        torch.testing.assert_close(other, eager, rtol=1e-5, atol=1e-5, msg=lambda m: f"{what}: {m}")


def check_step() -> None:
    world = _world("idm")

    def advance(state: WorldState) -> tuple[WorldState, Tensor, Tensor]:
        after = world.step(state, _plan(world, state))
        return after, collided(world, after), offroad(world, after)

    fast = compiled(advance)
    off_steps = 0
    for state in _drive(world)[:-1]:
        (after, *contacts), (fast_after, *fast_contacts) = advance(state), fast(state)
        for name, value in vars(after).items():
            _equal(value, vars(fast_after)[name], name)
        for ours, theirs in zip(contacts, fast_contacts, strict=True):
            assert torch.equal(ours, theirs)
        off_steps += int(contacts[1][:, EGO].sum())
    assert off_steps > 0


def check_metrics() -> None:
    world = _world("idm")
    states = _drive(world)
    plans = [plan_in_world(state, _plan(world, state)) for state in states]
    rollout = collect(world, states, plans)
    eager, fast = evaluate(rollout), compiled(evaluate)(rollout)
    assert eager.keys() == fast.keys()
    for name, result in eager.items():
        for part, value in vars(result).items():
            _equal(value, vars(fast[name])[part], f"{name} {part}")


def check_raster() -> None:
    world = _world()
    rasterizer = Rasterizer.of(world, RasterSpec(channels=CHANNELS))
    scene = Scene.of(world, [world.reset()])
    # Askew, so that few cell centres lie on an edge: those may fall to either side.
    scene.pose[:, :, 0] += torch.tensor((0.13, 0.37, 0.61))
    eager = rasterizer.draw(scene)
    fast = compiled(rasterizer.draw)(scene)
    differ = ((eager - fast).abs() > 1e-5).float().mean(dim=(0, 2, 3))
    names = rasterizer.spec.names
    assert differ.max() < 1e-4, dict(zip(names, differ.tolist(), strict=True))


def check_lidar() -> None:
    world = _world()
    lidar = Lidar.of(world, LidarSpec((3.0, -1.0, -4.0, -15.0), 180, 80.0))
    state = world.reset()
    eager = lidar.sweep(world, state)
    fast = compiled(lidar.sweep)(world, state)
    differ = (eager.range_m - fast.range_m).abs() > 1e-5 * eager.range_m.clamp(min=1.0)
    assert differ.float().mean() < 1e-3
    assert torch.equal(eager.hit[~differ], fast.hit[~differ])


def check_gradient() -> None:
    # d/dx of (3 x)^2 = 18 x, through a value that is stored on the way.
    def loss(x: Tensor) -> Tensor:
        (tripled,) = materialize(3.0 * x)
        return (tripled**2).sum()

    x = torch.tensor((1.0, -2.0), requires_grad=True)
    compiled(loss)(x).backward()
    assert torch.equal(x.grad, torch.tensor((18.0, -36.0)))


CHECKS = {
    "step": check_step,
    "metrics": check_metrics,
    "raster": check_raster,
    "lidar": check_lidar,
    "gradient": check_gradient,
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    CHECKS[sys.argv[1]]()
