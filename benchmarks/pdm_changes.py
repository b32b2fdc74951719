"""What each change from the published PDM-Closed to `pdm+` is worth.

    python benchmarks/pdm_changes.py [--count 32] [--seed 11] [--seconds 8]

Generated validation scenarios, reactive traffic. One row a change: the score of the published planner
with that change alone, and that of `pdm+` without it.
"""

import argparse
from dataclasses import fields, replace

import torch

from drive.planning.idm_rollout import RolloutRules
from drive.planning.pdm.planner import PdmClosed
from drive.planning.pdm.rules import IMPROVED, PUBLISHED, PdmRules
from eval.metrics.suite import evaluate
from eval.rollout import rollout
from sim.simulator import Simulator
from sim.sources.finding import find
from sim.sources.loading import load
from sim.sources.query import SourceQuery

AT_ONCE = 32


def score(simulators: list[Simulator], rules: PdmRules) -> float:
    """The mean nuPlan score of a planner with these rules."""
    planner, scores = PdmClosed(), []
    planner.rules = rules
    for simulator in simulators:
        scores.append(evaluate(rollout(simulator, planner))["nuplan/score"].value)
    return float(torch.cat(scores).mean())


def changes() -> list[str]:
    """The names of the rules that differ; those of the roll-out with a prefix."""
    own = [f.name for f in fields(PdmRules) if f.name != "rollout"]
    names = [f"rollout.{f.name}" for f in fields(RolloutRules)] + own
    return [name for name in names if with_change(PUBLISHED, name, IMPROVED) != PUBLISHED]


def with_change(rules: PdmRules, name: str, source: PdmRules) -> PdmRules:
    """`rules` with one of `source`'s."""
    if name.startswith("rollout."):
        name = name.removeprefix("rollout.")
        changed = replace(rules.rollout, **{name: getattr(source.rollout, name)})
        return replace(rules, rollout=changed)
    return replace(rules, **{name: getattr(source, name)})


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=8.0)
    args = parser.parse_args()
    refs = find(SourceQuery(count=args.count, seed=args.seed, duration_s=args.seconds))
    scenarios = [scenario for _, scenario in load(refs)[0]]
    simulators = [
        Simulator.from_scenarios(scenarios[first : first + AT_ONCE], "idm", PdmClosed.needs)
        for first in range(0, len(scenarios), AT_ONCE)
    ]
    published, improved = score(simulators, PUBLISHED), score(simulators, IMPROVED)
    print("| change | pdm with it | pdm+ without it |\n|---|---|---|")
    print(f"| (none) | {published:.3f} | {improved:.3f} |")
    for name in changes():
        more = score(simulators, with_change(PUBLISHED, name, IMPROVED)) - published
        less = score(simulators, with_change(IMPROVED, name, PUBLISHED)) - improved
        print(f"| {name} | {more:+.3f} | {less:+.3f} |", flush=True)


if __name__ == "__main__":
    main()
