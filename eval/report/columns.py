"""The columns of a report: one planner of one run each, over the scenarios of all runs together."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from eval.report.run_folder import Failure, Row, RunFolder
from sim.errors import InputError


@dataclass(frozen=True)
class Column:
    """What a planner made of a run's scenarios, by the scenario's key (`scenario_keys`)."""

    label: str
    planner: str
    run: RunFolder
    rows: dict[str, Row]

    def values(self, keys: list[str], metric: str) -> np.ndarray:
        """A metric of scenarios `[K]`, float64; NaN where it has no value."""
        held = (self.rows[key].metrics if key in self.rows else {} for key in keys)
        return np.array([metrics.get(metric, np.nan) for metrics in held], dtype=np.float64)


def read_columns(
    runs: list[RunFolder],
) -> tuple[list[Column], list[dict[str, str]], list[Failure]]:
    """The columns of every run, what was skipped and what failed; several runs are told apart by name.

    Raises InputError for a run that is not finished, or empty.
    """
    columns: list[Column] = []
    skipped: list[dict[str, str]] = []
    failed: list[Failure] = []
    for name, run in zip(run_names([run.path for run in runs]), runs, strict=True):
        chunk = run.read_tables()
        if not chunk.rows:
            raise InputError(f"{run.path}: a run without scenarios")
        skipped += chunk.skipped
        failed += [_of_run(failure, run, name, len(runs) > 1) for failure in chunk.failed]
        for planner in dict.fromkeys(row.planner for row in chunk.rows):
            rows = [row for row in chunk.rows if row.planner == planner]
            label = planner if len(runs) == 1 else f"{name}/{planner}"
            keyed = dict(zip(scenario_keys(rows), rows, strict=True))
            columns.append(Column(label, planner, run, keyed))
    return columns, skipped, failed


def _of_run(failure: Failure, run: RunFolder, name: str, of_several: bool) -> Failure:
    if not of_several:
        return failure
    planner = f"{name}/{failure.planner or 'every planner'}"
    return replace(failure, planner=planner, traceback=str(run.path / failure.traceback))


def scenario_keys(rows: list[Row]) -> list[str]:
    """The scenario ids of one planner's rows; one that comes again gets a number."""
    met: Counter[str] = Counter()
    keys = []
    for row in rows:
        met[row.scenario_id] += 1
        again = met[row.scenario_id]
        keys.append(row.scenario_id if again == 1 else f"{row.scenario_id} ({again})")
    return keys


def common_keys(columns: list[Column]) -> list[str]:
    """The scenarios that all of the columns hold, in the order of the first."""
    return [key for key in columns[0].rows if all(key in column.rows for column in columns)]


def run_names(paths: list[Path]) -> list[str]:
    """The shortest tails of the paths that tell the runs apart."""
    for length in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-length:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    raise InputError(f"{paths[0]}: the same run is given twice")
