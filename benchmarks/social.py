"""How long the social planner takes to reason: energies of pairs and messages, and a plan all in all.

    python benchmarks/social.py [--threads 2] [--worlds 1 16 64]

Worlds of `interactive-val`, 2 s after they begin: 16 road users of 64 trajectories each. Medians of five.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from drive.planning.futures import Outlook
from drive.planning.samplers.frenet import FrenetSampler
from drive.planning.social.planner import SocialPlanner
from drive.planning.social.reasoning import Reasoning
from drive.planning.social.samples import Samples
from drive.planning.social.scene import Around, SocialScene
from drive.planning.social.shortlist import Shortlist
from sim import trees
from sim.interface import Observation
from sim.simulator import Simulator
from sim.sources.finding import find
from sim.sources.loading import load
from sim.sources.query import SourceQuery


def main() -> None:
    """A row for each number of worlds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--worlds", type=int, nargs="+", default=[1, 16, 64])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    planner = SocialPlanner()
    refs = find(SourceQuery(benchmark="interactive-val", count=max(options.worlds)))
    simulator = Simulator.from_scenarios([s for _, s in load(refs)[0]], "idm", planner.needs)
    observed = simulator.observe(simulator.reset(torch.full((len(refs),), 20)))
    print("| worlds | pairs a world | energies ms | messages ms | plan ms |\n|---|---|---|---|---|")
    for worlds in options.worlds:
        seen = trees.take(observed, torch.arange(worlds))
        print(row(planner, seen), flush=True)


@torch.no_grad()
def row(planner: SocialPlanner, observation: Observation) -> str:
    """Of these worlds together."""
    around = Around.of(planner.model.predictor, observation)
    outlook = Outlook.of(around.forecast, observation.agents)
    samples = Samples.of(observation, around.forecast)
    candidates = FrenetSampler()(observation)
    short = Shortlist.of(observation, candidates, outlook, samples, planner.model.cost)
    scene = SocialScene.of(observation, short.candidates, samples)
    cost = planner.model.cost.total(short.terms)
    energies = median_ms(lambda: SocialScene.of(observation, short.candidates, samples))
    messages = median_ms(lambda: Reasoning.of(planner.model.network, around, scene, cost))
    plan = median_ms(lambda: planner.plan(observation))
    worlds = len(observation.step)
    pairs = len(scene.pairs.world) / worlds
    return f"| {worlds} | {pairs:.1f} | {energies:.0f} | {messages:.0f} | {plan:.0f} |"


def median_ms(work: Callable) -> float:
    """Of five, after one that does not count."""
    work()
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(times)


if __name__ == "__main__":
    main()
