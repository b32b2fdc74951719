"""The drives in a run folder, as scenarios."""

from dataclasses import dataclass
from pathlib import Path

from eval.report.recording import Recording
from eval.report.run_folder import Row, RunFolder
from sim.errors import InputError, one_of
from sim.scenario import Scenario
from sim.sources.driven import driven_scenario
from sim.sources.finding import select


@dataclass(frozen=True)
class Drive:
    """Scenario number `index` of a run, as one planner drove it."""

    run: Path
    planner: str
    index: int
    scenario_id: str

    def load(self) -> Scenario:
        """Raises InputError naming the file that is missing, damaged or of something else."""
        folder = RunFolder(self.run)
        scenario = folder.read_scenario(self.index)
        path = folder.recording_path(self.planner, self.index)
        recording = Recording.load(path)
        try:
            return driven_scenario(scenario, recording.pose, recording.valid, recording.dt_s)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None


def find_drives(
    path: Path,
    planner: str | None,
    scenario: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
) -> list[Drive]:
    """One planner's drives, in order; `planner` None: that of the run, if it has but one.

    `scenario`, `exclude`: as of a `SourceQuery`. Raises InputError where the folder is no run or
    holds no recordings, and for an unknown planner or scenario.
    """
    rows = _recorded_rows(path)
    planners = recorded_planners(path)
    if planner is None and len(planners) > 1:
        raise InputError(f"--planner: name one of the run's planners: {', '.join(planners)}")
    chosen = planner or planners[0]
    one_of("--planner", chosen, planners)
    own = [row for row in rows if row.planner == chosen]
    kept = select([row.scenario_id for row in own], scenario, exclude)
    return [Drive(path.resolve(), chosen, own[k].index, own[k].scenario_id) for k in kept]


def recorded_planners(path: Path) -> tuple[str, ...]:
    """The planners of a run; raises InputError where the folder is none or holds no recordings."""
    return tuple(dict.fromkeys(row.planner for row in _recorded_rows(path)))


def _recorded_rows(path: Path) -> list[Row]:
    rows = RunFolder.open(path).read_chunks().rows
    if not rows or not (path / "recordings").is_dir():
        parts = sorted(found.parent.name for found in path.glob("*/recordings"))
        hint = f" (look into its parts: {', '.join(parts)})" if parts else ""
        raise InputError(f"{path}: no recordings in this run folder{hint}")
    return rows
