"""The drives in a run folder, as scenarios."""

from dataclasses import dataclass
from pathlib import Path

from eval.runs.drive_record import DriveRecord
from eval.runs.folder import DRIVES, RunFolder
from eval.runs.results import DriveScores
from sim.errors import InputError, one_of
from sim.scenario import Scenario
from sim.sources.driven import driven_scenario
from sim.sources.finding import select


@dataclass(frozen=True)
class DriveRef:
    """Scenario number `index` of a run, as one planner drove it."""

    run: Path
    planner: str
    index: int
    scenario_id: str

    def load(self) -> Scenario:
        """Raises InputError naming the file that is missing, damaged or of something else."""
        folder = RunFolder(self.run)
        scenario = folder.read_scenario(self.index)
        path = folder.drive_path(self.planner, self.index)
        record = DriveRecord.load(path)
        try:
            return driven_scenario(scenario, record.pose, record.valid, record.dt_s)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None


def find_drives(
    path: Path,
    planner: str | None,
    scenario: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
) -> list[DriveRef]:
    """One planner's drives, in order; `planner` None: that of the run, if it has but one.

    `scenario`, `exclude`: as of a `SourceQuery`. Raises InputError where the folder is no run or
    holds no drives, and for an unknown planner or scenario.
    """
    planners = planners_of(path)
    if planner is None and len(planners) > 1:
        raise InputError(f"--planner: name one of the run's planners: {', '.join(planners)}")
    chosen = planner or planners[0]
    one_of("--planner", chosen, planners)
    own = [drive for drive in _drives(path) if drive.planner == chosen]
    kept = select([drive.scenario_id for drive in own], scenario, exclude)
    return [DriveRef(path.resolve(), chosen, own[k].index, own[k].scenario_id) for k in kept]


def planners_of(path: Path) -> list[str]:
    """The planners of a run; raises InputError where the folder is none or holds no drives."""
    return list(dict.fromkeys(drive.planner for drive in _drives(path)))


def _drives(path: Path) -> list[DriveScores]:
    drives = RunFolder.open(path).read_batches().drives
    if not drives or not (path / DRIVES).is_dir():
        parts = sorted(found.parent.name for found in path.glob(f"*/{DRIVES}"))
        hint = f" (look into its parts: {', '.join(parts)})" if parts else ""
        raise InputError(f"{path}: no drives in this run folder{hint}")
    return drives
