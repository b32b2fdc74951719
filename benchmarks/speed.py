"""How fast are generation and the closed loop?

python benchmarks/speed.py generate       # 1,000 recorded scenarios in two processes
python benchmarks/speed.py closed-loop    # 64 worlds x 32 valid agents x 150 steps, PDM, metrics
"""

import argparse
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch

from drive.planning import make_planner
from eval.metrics.suite import evaluate
from eval.rollout import rollout
from sim.scenario import EGO
from sim.simulator import Simulator
from sim.sources.procedural import FAMILIES, generate
from sim.world import World

PART = 125
BESIDE_M, APART_M = 12.0, 9


def generate_part(number: int) -> int:
    """Agents of one eighth of the scenarios."""
    torch.set_num_threads(1)
    return sum(
        s.num_agents for s in generate(list(FAMILIES), PART, "train", 0, first=number * PART)
    )


def bench_generate() -> None:
    """1,000 scenarios of 15 s, process start included."""
    began = time.perf_counter()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        agents = sum(pool.map(generate_part, range(1000 // PART)))
    print(f"1,000 scenarios, {agents} agents: {time.perf_counter() - began:.1f} s")


def fill_with_parked_cars(world: World) -> None:
    """Every empty place of the batch becomes a car parked beside the ego's route."""
    for w, scenario in enumerate(world.scenarios):
        path = int(world.paths.agent_path[w, EGO])
        last = int(world.paths.num_points[w, path]) - 1
        for k, agent in enumerate(range(scenario.num_agents, world.size_m.shape[1])):
            x, y, cos, sin, _ = world.paths.frame[w, path, min(40 + APART_M * k, last)]
            world.log.pose[w, agent] = torch.stack(
                (x + BESIDE_M * sin, y - BESIDE_M * cos, torch.atan2(sin, cos))
            )
            world.log.velocity_mps[w, agent] = 0.0
            world.log.valid[w, agent] = True
            world.size_m[w, agent] = torch.tensor((4.5, 1.9, 1.6))


def bench_closed_loop() -> None:
    """The fullest 64 of 80 scenarios, filled up to 32 valid agents."""
    torch.set_num_threads(2)
    scenarios = generate(list(FAMILIES), 80, "val", 0)
    scenarios = sorted(scenarios, key=lambda s: -s.num_agents)[:64]
    began = time.perf_counter()
    world = World.from_scenarios(scenarios)
    prepared = time.perf_counter()
    moving = float(world.log.valid[:, :, 0].sum(1).float().mean())
    fill_with_parked_cars(world)
    simulator = Simulator.of(world, "idm")
    ready = time.perf_counter()
    driven = rollout(simulator, make_planner("pdm+"))
    done = time.perf_counter()
    evaluate(driven)
    end = time.perf_counter()
    memory_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{world.num_worlds} worlds x {world.size_m.shape[1]} valid agents ({moving:.1f} generated, "
        f"the rest parked) x {world.num_steps} steps: preparing {prepared - began:.1f} s, "
        f"loop {done - ready:.1f} s, metrics {end - done:.1f} s, {memory_gb:.1f} GB"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("generate", "closed-loop"))
    {"generate": bench_generate, "closed-loop": bench_closed_loop}[parser.parse_args().what]()
