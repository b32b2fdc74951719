"""What a report compares: the planners of its runs, over the scenarios of all runs together."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from eval.runs.folder import RunFolder
from eval.runs.results import DriveScores, ErrorNote
from sim.errors import InputError


@dataclass(frozen=True)
class PlannerRun:
    """One planner of one run: its drives, by the scenario's key (`scenario_keys`)."""

    label: str
    planner: str
    run: RunFolder
    drives: dict[str, DriveScores]
    privileged: bool = False

    def values(self, keys: list[str], metric: str) -> np.ndarray:
        """A metric of scenarios `[K]`, float64; NaN where it has no value."""
        held = (self.drives[key].metrics if key in self.drives else {} for key in keys)
        return np.array([metrics.get(metric, np.nan) for metrics in held], dtype=np.float64)


def read_planner_runs(
    runs: list[RunFolder],
) -> tuple[list[PlannerRun], list[dict[str, str]], list[ErrorNote]]:
    """The planners of every run, what was skipped, and errors; several runs are told apart by name.

    Raises InputError for a run that is not finished, or empty.
    """
    found: list[PlannerRun] = []
    skipped: list[dict[str, str]] = []
    errors: list[ErrorNote] = []
    for name, run in zip(run_names([run.path for run in runs]), runs, strict=True):
        results = run.read_tables()
        if not results.drives:
            raise InputError(f"{run.path}: a run without scenarios")
        skipped += results.skipped
        errors += [_of_run(note, run, name, len(runs) > 1) for note in results.errors]
        for planner in dict.fromkeys(drive.planner for drive in results.drives):
            drives = [drive for drive in results.drives if drive.planner == planner]
            label = planner if len(runs) == 1 else f"{name}/{planner}"
            keyed = dict(zip(scenario_keys(drives), drives, strict=True))
            found.append(PlannerRun(label, planner, run, keyed, planner in results.privileged))
    return found, skipped, errors


def _of_run(note: ErrorNote, run: RunFolder, name: str, of_several: bool) -> ErrorNote:
    if not of_several:
        return note
    planner = f"{name}/{note.planner or 'every planner'}"
    return replace(note, planner=planner, traceback=str(run.path / note.traceback))


def scenario_keys(drives: list[DriveScores]) -> list[str]:
    """The scenario ids of one planner's drives; one that comes again gets a number."""
    met: Counter[str] = Counter()
    keys = []
    for drive in drives:
        met[drive.scenario_id] += 1
        again = met[drive.scenario_id]
        keys.append(drive.scenario_id if again == 1 else f"{drive.scenario_id} ({again})")
    return keys


def common_keys(runs: list[PlannerRun]) -> list[str]:
    """The scenarios that all of these drove, in the order of the first."""
    return [key for key in runs[0].drives if all(key in run.drives for run in runs)]


def run_names(paths: list[Path]) -> list[str]:
    """The shortest tails of the paths that tell the runs apart."""
    for length in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-length:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    raise InputError(f"{paths[0]}: the same run is given twice")
