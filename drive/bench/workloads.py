"""What is timed: each workload takes a batch of worlds and says what one call does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from drive.bench.measure import tree_bytes
from eval.metrics.suite import evaluate
from eval.rollout import Rollout, collect, plan_in_world
from sim import trees
from sim.contacts import collided, offroad
from sim.interface import Needs, Plan
from sim.maps.lane_table import LaneSpec
from sim.scenario import EGO
from sim.sensors.lidar_presets import HDL_32E
from sim.sensors.raster import RasterSpec, Scene
from sim.sensors.suite import SensorSuite
from sim.simulator import Simulator
from sim.world import World, WorldState

STEPS = 20  # of the workload step, from the start of the recordings
EPISODE_STEPS = 100
_PLAN_STEPS = 40
Compile = Callable[[Callable], Callable]


@dataclass(frozen=True)
class Work:
    """A call, and what it achieves: `amount` of `unit`; bytes that go in and out of it, at least."""

    call: Callable[[], Any]
    unit: str
    amount: float
    moved_bytes: int
    agents: float  # valid ones, a world and step


def keep_going(world: World, state: WorldState) -> Plan:
    """The ego at its present speed along its present heading: a plan that costs nothing."""
    speed = state.speed_mps[:, EGO].unsqueeze(1).expand(-1, _PLAN_STEPS)
    time = torch.arange(1, _PLAN_STEPS + 1, device=speed.device) * world.dt_s
    zero = torch.zeros_like(speed)
    return Plan(torch.stack((speed * time, zero, zero, speed, zero), dim=-1), world.dt_s)


def step(simulator: Simulator, compiled: Compile) -> Work:
    """Ego by LQR and bicycle, IDM traffic, collisions and off-road of every agent."""
    world = simulator.world

    def advance(state: WorldState) -> tuple[WorldState, Any]:
        state = simulator.step(state, keep_going(world, state))
        return state, (collided(world, state), offroad(world, state))

    advance = compiled(advance)
    start = _start(simulator)

    def call() -> list[WorldState]:
        states = [start]
        for _ in range(STEPS):
            states.append(advance(states[-1])[0])
        return states

    valid = float(sum(state.valid.sum() for state in call()[1:]))
    moved = 2 * STEPS * tree_bytes(start)
    return Work(call, "agent-steps", valid, moved, valid / STEPS / world.num_worlds)


def step_and_metrics(simulator: Simulator, compiled: Compile) -> Work:
    """The same, then all closed-loop metrics of the episode."""
    world = simulator.world

    def advance(state: WorldState) -> tuple[WorldState, Any, Tensor]:
        plan = keep_going(world, state)
        after = simulator.step(state, plan)
        judged = collided(world, after), offroad(world, after)
        return after, judged, plan_in_world(state, plan)

    advance, judge = compiled(advance), compiled(evaluate)
    start = _start(simulator)

    def drive() -> Rollout:
        states, plans = [start], []
        for _ in range(EPISODE_STEPS):
            state, _, plan = advance(states[-1])
            states.append(state)
            plans.append(plan)
        return collect(world, states, [*plans, plans[-1]])

    driven = drive()
    valid = float(driven.valid[:, 1:].sum())
    moved = 2 * EPISODE_STEPS * tree_bytes(start) + tree_bytes(replace(driven, world=None))
    agents = valid / EPISODE_STEPS / world.num_worlds
    return Work(lambda: judge(drive()), "agent-steps", valid, moved, agents)


def raster(simulator: Simulator, compiled: Compile) -> Work:
    """One image a world."""
    world = simulator.world
    rasterizer, state = simulator.sensors.rasterizer, _start(simulator)
    assert rasterizer is not None
    draw, scene = compiled(rasterizer.draw), Scene.of(world, state)
    spec = rasterizer.spec
    cells = spec.grid.num_cells * world.num_worlds
    moved = 4 * cells * (len(spec.layers) + len(spec.channels))
    agents = float(state.valid.sum()) / world.num_worlds
    return Work(lambda: draw(scene), "images", float(world.num_worlds), moved, agents)


def lidar(simulator: Simulator, compiled: Compile) -> Work:
    """One sweep a world."""
    world = simulator.world
    scanner, state = simulator.sensors.lidar, _start(simulator)
    assert scanner is not None
    sweep = compiled(lambda state: scanner.sweep(world, state))
    rays = world.num_worlds * scanner.spec.num_rays
    agents = float(state.valid.sum()) / world.num_worlds
    return Work(lambda: sweep(state), "rays", float(rays), tree_bytes(sweep(state)), agents)


def observe(simulator: Simulator, compiled: Compile) -> Work:
    """Ego, agents, route; with 1 s of history, 64 pieces of lanes, or raster and sweep: `_NEEDS`."""
    state = _start(simulator)

    def look(state: WorldState) -> tuple[Any, ...]:
        seen = simulator.observe(state)
        return (
            seen.ego, seen.agents, seen.route, seen.history, seen.lanes, seen.raster, seen.lidar,
        )  # fmt: skip

    look = compiled(look)
    worlds = simulator.world.num_worlds
    agents = float(state.valid.sum()) / worlds
    moved = tree_bytes(look(state))
    return Work(lambda: look(state), "observations", float(worlds), moved, agents)


def closed_loop(simulator: Simulator, compiled: Compile) -> Work:
    """An episode driven by `pdm+`, all metrics; the planner itself is not compiled."""
    from drive.planning import make_planner

    planner, world = make_planner("pdm+"), simulator.world
    advance, judge = compiled(simulator.step), compiled(evaluate)

    def drive() -> Rollout:
        states, plans = [_start(simulator)], []
        for _ in range(EPISODE_STEPS):
            plan = planner.plan(simulator.observe(states[-1]))
            plans.append(plan_in_world(states[-1], plan))
            assert isinstance(plan, Plan)
            states.append(advance(states[-1], Plan(plan.trajectory, plan.dt_s)))
        return collect(world, states, [*plans, plans[-1]])

    driven = drive()
    valid = float(driven.valid[:, 1:].sum())
    moved = tree_bytes(replace(driven, world=None))
    agents = valid / EPISODE_STEPS / world.num_worlds
    return Work(lambda: judge(drive()), "agent-steps", valid, moved, agents)


WORKLOADS: dict[str, Callable[[Simulator, Compile], Work]] = {
    "step": step,
    "step+metrics": step_and_metrics,
    "raster": raster,
    "lidar": lidar,
    "observe": observe,
    "observe-all": observe,
    "closed-loop": closed_loop,
}
ALL = Needs(1.0, True, LaneSpec(), RasterSpec(), HDL_32E)  # 200 x 200 x 8, 32 x 1080
_NEEDS = {
    "raster": Needs(raster=ALL.raster),
    "lidar": Needs(lidar=ALL.lidar),
    "observe": Needs(history_s=ALL.history_s, lanes=ALL.lanes),
    "observe-all": ALL,
    "closed-loop": Needs(map=True),
}


def needs_of(what: Sequence[str]) -> Needs:
    """What some workloads need together."""
    needs = [_NEEDS.get(name, Needs()) for name in what]
    return Needs(
        history_s=max(one.history_s for one in needs),
        map=any(one.map for one in needs),
        lanes=ALL.lanes if any(one.lanes for one in needs) else None,
        raster=ALL.raster if any(one.raster for one in needs) else None,
        lidar=ALL.lidar if any(one.lidar for one in needs) else None,
    )


def reduced(simulator: Simulator, what: str) -> Simulator:
    """A simulator that has everything, reduced to what a workload needs."""
    needs = _NEEDS.get(what, Needs())
    return replace(
        simulator,
        needs=needs,
        sensors=SensorSuite(
            simulator.sensors.rasterizer if needs.raster else None,
            simulator.sensors.lidar if needs.lidar else None,
        ),
        lanes=simulator.lanes if needs.lanes else None,
    )


def _start(simulator: Simulator) -> WorldState:
    """The first state, densely stored like those that a step returns: one compiled graph serves."""
    return trees.map_tensors(
        lambda tensor: tensor.clone(memory_format=torch.contiguous_format), simulator.reset()
    )
