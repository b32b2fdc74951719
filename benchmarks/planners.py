"""How long a plan takes, from observation to trajectory, image and forecast included.

    python benchmarks/planners.py [--planners p3 energy] [--threads 1] [--worlds 1 32]

Worlds of `interactive-val`, 2 s after they begin; shipped weights. Medians of five: of the clock, and of the
processors' time, which other jobs on the machine stretch less.
"""

import argparse
import statistics
import time

import torch

from drive.planning import make_planner
from sim import trees
from sim.interface import Observation, Planner, needs_of
from sim.simulator import Simulator
from sim.sources.finding import find
from sim.sources.loading import load
from sim.sources.query import SourceQuery


def main() -> None:
    """A row for each planner and number of worlds."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--planners", nargs="+", default=["p3", "costvolume", "behaviour", "energy"]
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--worlds", type=int, nargs="+", default=[1, 32])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    refs = find(SourceQuery(benchmark="interactive-val", count=max(options.worlds)))
    scenarios = [scenario for _, scenario in load(refs)[0]]
    print("| planner | worlds | ms a world | of processors |\n|---|---|---|---|")
    for name in options.planners:
        planner = make_planner(name)
        simulator = Simulator.from_scenarios(scenarios, "idm", needs_of(planner))
        observed = simulator.observe(simulator.reset(torch.full((len(refs),), 20)))
        for worlds in options.worlds:
            seen = trees.take(observed, torch.arange(worlds))
            clock, processors = medians_ms(planner, seen)
            told = f"{clock / worlds:.1f} | {processors / worlds:.1f}"
            print(f"| `{name}` | {worlds} | {told} |", flush=True)


def medians_ms(planner: Planner, observation: Observation) -> tuple[float, float]:
    """Of five plans, after one that does not count."""
    planner.plan(observation)
    clock, processors = [], []
    for _ in range(5):
        begin, spent = time.perf_counter(), time.process_time()
        planner.plan(observation)
        clock.append(1e3 * (time.perf_counter() - begin))
        processors.append(1e3 * (time.process_time() - spent))
    return statistics.median(clock), statistics.median(processors)


if __name__ == "__main__":
    main()
