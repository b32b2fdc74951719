"""How many candidates a learned cost needs, and what the exact alternative to sampling does.

    python benchmarks/candidates.py [--planner costvolume] [--count 64] [--numbers 100 300 910 2000]

`interactive-val`, IDM traffic, a plan every half second. Up to 910 are spread over the Frenet sampler's, more
are all of them and curves as NMP draws them. For `costvolume` the last row is dynamic programming over
the same volume. Differences from the 910 are paired over scenarios, with 95 % bootstrap intervals.
"""

import argparse
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from drive.planning import make_planner
from drive.planning.candidates import Candidates
from drive.planning.foretold_planner import ForetoldPlanner
from drive.planning.samplers.curves import CurveSampler
from drive.planning.samplers.frenet import FrenetSampler
from eval.metrics.suite import evaluate
from eval.report.bootstrap import difference_interval
from eval.rollout import rollout
from sim.interface import Observation, Planner
from sim.simulator import Simulator
from sim.sources.finding import find
from sim.sources.loading import load
from sim.sources.query import SourceQuery

AT_ONCE, ALL = 16, 910
METRICS = {
    "success": "bevdrive/success",
    "nuPlan": "nuplan/score",
    "no at-fault collision": "nuplan/no_at_fault_collision",
}


@dataclass(frozen=True)
class SomeOf:
    """As many candidates of a world."""

    num: int

    def __call__(
        self, observation: Observation, generator: torch.Generator | None = None
    ) -> Candidates:
        """Fewer of the Frenet sampler's, evenly spread; or all of them and curves."""
        along_route = FrenetSampler()(observation)
        if self.num > along_route.num:
            drawn = torch.Generator().manual_seed(int(observation.step[0]))
            curves = CurveSampler(self.num - along_route.num)(observation, drawn)
            return Candidates.joined((along_route, curves))
        place = torch.linspace(0, along_route.num - 1, self.num).round().long()
        return along_route.take(place.expand(len(along_route.valid), -1))


def scored(simulators: list[Simulator], planner: Planner) -> dict[str, Tensor]:
    """Of every scenario."""
    found: dict[str, list[Tensor]] = {name: [] for name in METRICS}
    for simulator in simulators:
        results = evaluate(rollout(simulator, planner, replan_s=0.5))
        for name, key in METRICS.items():
            found[name].append(results[key].value)
    return {name: torch.cat(values) for name, values in found.items()}


def row(label: str, own: dict[str, Tensor], base: dict[str, Tensor]) -> str:
    """Means, and the difference in success."""
    gap = (own["success"] - base["success"]).numpy().astype(np.float64)
    around = difference_interval(gap)
    means = " | ".join(f"{float(own[name].mean()):.3f}" for name in METRICS)
    return f"| {label} | {means} | {gap.mean():+.3f} [{around.low:.3f}, {around.high:.3f}] |"


def main() -> None:
    """A row of each number, then of dynamic programming."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planner", default="costvolume", help="or p3, hand_cost")
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--numbers", type=int, nargs="+", default=[100, 300, ALL, 2000])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    planner = make_planner(options.planner)
    assert isinstance(planner, ForetoldPlanner)
    refs = find(SourceQuery(benchmark="interactive-val", count=options.count))
    simulators = [
        Simulator.from_scenarios(
            [s for _, s in load(refs[first : first + AT_ONCE])[0]], "idm", planner.needs
        )
        for first in range(0, len(refs), AT_ONCE)
    ]
    base = scored(simulators, planner)
    print(
        f"| candidates, {len(refs)} scenarios | {' | '.join(METRICS)} | more success than {ALL} |"
    )
    print("|---" * (len(METRICS) + 2) + "|")
    for num in options.numbers:
        planner.sampler = SomeOf(num)
        print(row(str(num), base if num == ALL else scored(simulators, planner), base), flush=True)
    if options.planner == "costvolume":
        exact = scored(simulators, make_planner("costvolume_dp"))
        print(row("dynamic programming", exact, base))


if __name__ == "__main__":
    main()
