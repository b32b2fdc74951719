"""How long a plan takes that knows of others by a lidar: the sweep, the detector, the tracker, PDM.

    python benchmarks/perceived.py [--threads 2] [--worlds 8] [--weights default]

Worlds of `interactive-val`, driven for 5 s in closed loop, a plan every half second; medians of a plan for
all of them together. Without --weights the network's are drawn at random, which takes as long.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from drive.networks.weights import load_network
from drive.perception import perceiving
from drive.perception.detector.network import Detector
from drive.perception.perceiving import Perceiving
from drive.planning import make_planner
from eval.rollout import rollout
from sim.sensors.lidar import Lidar
from sim.simulator import Simulator
from sim.sources.finding import find
from sim.sources.loading import load
from sim.sources.query import SourceQuery


class Timed:
    """Calls of a function: how long each took."""

    def __init__(self, function: Callable) -> None:
        self.function, self.ms = function, []

    def __call__(self, *arguments: Any) -> Any:
        begin = time.perf_counter()
        result = self.function(*arguments)
        self.ms.append(1e3 * (time.perf_counter() - begin))
        return result

    @property
    def median_ms(self) -> float:
        """Of all calls but the first, which warms up."""
        return statistics.median(self.ms[1:])


def main() -> None:
    """A row of a table, by part."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--worlds", type=int, default=8)
    parser.add_argument("--weights")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    detector = load_network(Detector, options.weights)[0] if options.weights else Detector()
    pdm = make_planner("pdm")
    planner = Perceiving(pdm, detector)
    refs = find(SourceQuery(benchmark="interactive-val", count=options.worlds))
    simulator = Simulator.from_scenarios([s for _, s in load(refs)[0]], "idm")
    parts = {
        "lidar": (Lidar, "sweep"), "detection": (detector, "detect"),
        "tracking": (perceiving, "track"), "obstacles": (perceiving, "obstacles"), "planning": (pdm, "plan"),
    }  # fmt: skip
    timed = {name: _timed(owner, function) for name, (owner, function) in parts.items()}
    rollout(simulator, planner, num_steps=50, replan_s=0.5)
    took = {name: each.median_ms for name, each in timed.items()}
    print(f"| worlds | {' | '.join(f'{name} ms' for name in took)} | together ms |")
    print("|---|" + "---|" * (len(took) + 1))
    cells = " | ".join(f"{ms:.0f}" for ms in (*took.values(), sum(took.values())))
    print(f"| {len(refs)} | {cells} |")


def _timed(owner: Any, name: str) -> Timed:
    """Put a clock in a function's place."""
    timed = Timed(getattr(owner, name))
    # A method of a class needs its object still.
    held = (lambda *given: timed(*given)) if isinstance(owner, type) else timed
    setattr(owner, name, held)
    return timed


if __name__ == "__main__":
    main()
