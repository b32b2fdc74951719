"""The table of planners on a benchmark, from finished runs of it; `bevdrive benchmark show` prints it too.

    bevdrive simulate --benchmark interactive --planner constant_velocity,idm,pdm,pdm+,privileged_search
    bevdrive simulate --benchmark interactive --traffic log --planner pdm,pdm_foresight
    python benchmarks/scoreboard.py RUN RUN [--families] [--against pdm]

With 95 % intervals. --families: success by family. --against: paired differences of scores
from that planner in the same traffic. A run of a part of the benchmark is refused.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from eval.report.bootstrap import Interval, difference_interval, mean_interval
from eval.runs.folder import RunFolder
from eval.runs.results import DriveScores, Results
from sim.benchmarks import Benchmark, read_benchmark
from sim.benchmarks.scores import Score, add_scores
from sim.errors import InputError

SUCCESS, SCORE, EPDMS = "bevdrive/success", "nuplan/score", "navsim/epdms"
COLUMNS = {"success": SUCCESS, "nuPlan": SCORE, "EPDMS": EPDMS}


def main() -> int:
    """Print the table, and keep the means."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--families", action="store_true")
    parser.add_argument("--against", help="planner")
    options = parser.parse_args()
    try:
        runs = [Scored.of(path) for path in options.runs]
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    for line in table(runs):
        print(line)
    if options.against:
        print("\n".join(["", *differences(runs, options.against)]))
    if options.families:
        print("\n".join(["", *by_family(runs)]))
    for run in runs:
        add_scores(run.benchmark, [run.means(planner) for planner in run.planners])
    return 0


class Scored:
    """A finished run of a whole benchmark."""

    def __init__(self, benchmark: Benchmark, results: Results, config: dict[str, str]) -> None:
        self.benchmark, self.results, self.config = benchmark, results, config
        self.planners = list(dict.fromkeys(drive.planner for drive in results.drives))

    @staticmethod
    def of(path: Path) -> "Scored":
        """InputError where it is not that."""
        folder = RunFolder.open(path)
        results, stated = folder.read_tables(), folder.benchmark()
        if stated is None:
            raise InputError(f"{path}: not a run of a benchmark")
        benchmark = read_benchmark(f"{stated['name']}@{stated['version']}")
        if benchmark.hash != stated["hash"]:
            raise InputError(f"{path}: other scenarios than those of {stated['name']} now")
        scored = Scored(benchmark, results, folder.config())
        for planner in scored.planners:
            count, whole = len(scored.drives(planner)), len(benchmark.entries)
            if count != whole:
                raise InputError(f"{path}: {planner} drove {count} of {whole} scenarios")
        return scored

    def drives(self, planner: str) -> list[DriveScores]:
        """In the order of their scenarios."""
        own = [drive for drive in self.results.drives if drive.planner == planner]
        return sorted(own, key=lambda drive: drive.scenario_id)

    def values(self, planner: str, key: str) -> np.ndarray:
        """A metric of each drive."""
        return np.array([drive.metrics.get(key, np.nan) for drive in self.drives(planner)])

    def means(self, planner: str) -> Score:
        """As it is kept."""
        mean = {
            name: round(mean_interval(self.values(planner, key)).mean, 4)
            for name, key in (("success", SUCCESS), ("score", SCORE), ("epdms", EPDMS))
        }
        privileged = planner in self.results.privileged
        perception = "all" if privileged else self.config.get("perception") or "visible"
        return Score(planner, self.config["traffic"], perception, privileged, **mean)


def table(runs: list[Scored]) -> list[str]:
    """A row for each run and planner."""
    lines = [
        "| planner | traffic | " + " | ".join(COLUMNS) + " |",
        "|---|---|" + "---|" * len(COLUMNS),
    ]
    for run in runs:
        for planner in run.planners:
            cells = [_shown(mean_interval(run.values(planner, key))) for key in COLUMNS.values()]
            star = "*" if planner in run.results.privileged else ""
            lines.append(f"| {planner}{star} | {run.config['traffic']} | {' | '.join(cells)} |")
    return lines


def differences(runs: list[Scored], planner: str) -> list[str]:
    """What each other planner of the same run scores more than this one."""
    lines = [
        f"| more than {planner} | traffic | " + " | ".join(COLUMNS) + " |",
        "|---|---|" + "---|" * len(COLUMNS),
    ]
    for run in runs:
        for other in run.planners:
            if planner not in run.planners or other == planner:
                continue
            cells = [
                _shown(difference_interval(run.values(other, key) - run.values(planner, key)), "+")
                for key in COLUMNS.values()
            ]
            lines.append(f"| {other} | {run.config['traffic']} | {' | '.join(cells)} |")
    return lines


def by_family(runs: list[Scored]) -> list[str]:
    """The share of goals reached in each family."""
    heads = [f"{planner} ({run.config['traffic']})" for run in runs for planner in run.planners]
    lines = [f"| success | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
    for family in runs[0].benchmark.families:
        cells = []
        for run in runs:
            for planner in run.planners:
                own = [d for d in run.drives(planner) if d.family == family]
                cells.append(f"{np.mean([d.metrics.get(SUCCESS, np.nan) for d in own]):.2f}")
        lines.append(f"| {family} | {' | '.join(cells)} |")
    return lines


def _shown(interval: Interval, sign: str = "") -> str:
    return f"{interval.mean:{sign}.3f} [{interval.low:{sign}.3f}, {interval.high:{sign}.3f}]"


if __name__ == "__main__":
    sys.exit(main())
