"""How long does each sampler take for 2,000 trajectories in each of 64 scenes?

python benchmarks/samplers.py [--trajectories 2000] [--scenes 64] [--repeats 3]

On two threads, the fastest of the repeats. `valid`: the share of the trajectories that the ego can drive.
"""

import argparse
import time
from collections.abc import Callable

import torch

from drive.planning.candidates import DT_S, POINTS, Sampler
from drive.planning.samplers.curves import CurveSampler
from drive.planning.samplers.frenet import FrenetSampler
from drive.planning.samplers.idm import IdmSampler
from drive.planning.samplers.retrieval import Library, RetrievalSampler
from drive.planning.samplers.rollouts import RolloutSampler
from sim.interface import Observation
from sim.simulator import Simulator
from sim.sources.procedural import FAMILIES, generate
from sim.world import World

SAMPLERS: dict[str, Callable[[int], Sampler]] = {
    "Frenet": lambda num: FrenetSampler(),  # as many as it has
    "IDM": lambda num: IdmSampler(),  # 15
    "curves": CurveSampler,
    "roll-outs": RolloutSampler,
    "retrieval": lambda num: RetrievalSampler(some_library(num)),
}


def some_library(num: int) -> Library:
    """As many profiles as asked for, of no expert, in each of 20 bins of speed."""
    draw = torch.Generator().manual_seed(0)
    bins = torch.zeros(20, 3)
    bins[:, 0] = torch.arange(20)
    pedal, wheel = torch.randn(2, len(bins), num, POINTS, generator=draw)
    return Library(bins, pedal, 1e-3 * wheel, torch.ones(len(bins), num, dtype=torch.bool))


def observe(scenes: int) -> Observation:
    """The beginning of scenes of all families."""
    scenarios = generate(list(FAMILIES), scenes, "train", duration_s=1.0)
    simulator = Simulator.of(World.from_scenarios(scenarios, maps=False), "log")
    return simulator.observe(simulator.reset())


def main() -> None:
    """Print one line per sampler."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trajectories", type=int, default=2000)
    parser.add_argument("--scenes", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(2)
    observation = observe(options.scenes)
    print(f"{options.trajectories} trajectories of {POINTS * DT_S:.0f} s, {options.scenes} scenes")
    for name, make in SAMPLERS.items():
        sampler, took = make(options.trajectories), []
        for _ in range(options.repeats):
            began = time.perf_counter()
            candidates = sampler(observation)
            took.append(time.perf_counter() - began)
        valid = float(candidates.valid.float().mean())
        print(f"{name:12s} {1e3 * min(took):7.0f} ms   valid {valid:.2f}   K {candidates.num}")


if __name__ == "__main__":
    main()
