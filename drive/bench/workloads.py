"""What is timed: each workload takes a batch of worlds and says what one call does."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from drive.bench.measure import tree_bytes
from eval.metrics.suite import evaluate
from eval.rollout import Rollout, collect, plan_in_world
from sim.events import detect
from sim.interface import Plan
from sim.scenario import EGO
from sim.sensors.raster import Scene
from sim.sensors.suite import SensorSuite
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


def step(world: World, sensors: SensorSuite, compiled: Compile) -> Work:
    """Ego by LQR and bicycle, IDM traffic, collisions and off-road of every agent."""

    def advance(state: WorldState) -> tuple[WorldState, Any]:
        state = world.step(state, keep_going(world, state))
        return state, detect(world, state)

    advance = compiled(advance)
    start = _start(world)

    def call() -> list[WorldState]:
        states = [start]
        for _ in range(STEPS):
            states.append(advance(states[-1])[0])
        return states

    valid = float(sum(state.valid.sum() for state in call()[1:]))
    moved = 2 * STEPS * tree_bytes(start)
    return Work(call, "agent-steps", valid, moved, valid / STEPS / world.num_worlds)


def step_and_metrics(world: World, sensors: SensorSuite, compiled: Compile) -> Work:
    """The same, then all closed-loop metrics of the episode."""

    def advance(state: WorldState) -> tuple[WorldState, Any, Tensor]:
        plan = keep_going(world, state)
        after = world.step(state, plan)
        return after, detect(world, after), plan_in_world(state, plan)

    advance, judge = compiled(advance), compiled(evaluate)
    start = _start(world)

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


def raster(world: World, sensors: SensorSuite, compiled: Compile) -> Work:
    """One image a world."""
    rasterizer, state = sensors.rasterizer, _start(world)
    assert rasterizer is not None
    draw, scene = compiled(rasterizer.draw), Scene.of(world, [state])
    spec = rasterizer.spec
    cells = spec.grid.num_cells * world.num_worlds
    moved = 4 * cells * (len(spec.layers) + len(spec.channels))
    agents = float(state.valid.sum()) / world.num_worlds
    return Work(lambda: draw(scene), "images", float(world.num_worlds), moved, agents)


def lidar(world: World, sensors: SensorSuite, compiled: Compile) -> Work:
    """One sweep a world."""
    scanner, state = sensors.lidar, _start(world)
    assert scanner is not None
    sweep = compiled(lambda state: scanner.sweep(world, state))
    rays = world.num_worlds * scanner.spec.num_rays
    agents = float(state.valid.sum()) / world.num_worlds
    return Work(lambda: sweep(state), "rays", float(rays), tree_bytes(sweep(state)), agents)


def observe(world: World, sensors: SensorSuite, compiled: Compile) -> Work:
    """Everything that an `Observation` may hold: agents, route, raster, sweep."""
    state = _start(world)

    def look(state: WorldState) -> tuple[Any, ...]:
        seen = world.observe(state, sensors)
        return seen.ego, seen.agents, seen.route, seen.raster, seen.lidar

    look = compiled(look)
    agents = float(state.valid.sum()) / world.num_worlds
    return Work(
        lambda: look(state),
        "observations",
        float(world.num_worlds),
        tree_bytes(look(state)),
        agents,
    )


def closed_loop(world: World, sensors: SensorSuite, compiled: Compile) -> Work:
    """An episode driven by PDM-Closed, all metrics; the planner itself is not compiled."""
    from drive.planning import make_planner

    planner = make_planner("pdm", world)
    advance, judge = compiled(world.step), compiled(evaluate)

    def drive() -> Rollout:
        states, plans = [_start(world)], []
        for _ in range(EPISODE_STEPS):
            plan = planner.plan(world.observe(states[-1]))
            plans.append(plan_in_world(states[-1], plan))
            states.append(advance(states[-1], Plan(plan.trajectory, plan.dt_s)))
        return collect(world, states, [*plans, plans[-1]])

    driven = drive()
    valid = float(driven.valid[:, 1:].sum())
    moved = tree_bytes(replace(driven, world=None))
    agents = valid / EPISODE_STEPS / world.num_worlds
    return Work(lambda: judge(drive()), "agent-steps", valid, moved, agents)


WORKLOADS: dict[str, Callable[[World, SensorSuite, Compile], Work]] = {
    "step": step,
    "step+metrics": step_and_metrics,
    "raster": raster,
    "lidar": lidar,
    "observe": observe,
    "closed-loop": closed_loop,
}
NEEDS_RASTER, NEEDS_LIDAR = ("raster", "observe"), ("lidar", "observe")


def _start(world: World) -> WorldState:
    """The first state, densely stored like those that a step returns: one compiled graph serves."""
    state = world.reset()
    dense = {k: v.clone(memory_format=torch.contiguous_format) for k, v in vars(state).items()}
    return replace(state, **dense)
