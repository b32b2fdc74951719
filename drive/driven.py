"""The drives in a run folder, as scenarios."""

from dataclasses import dataclass
from pathlib import Path

from eval.runs.drive_record import DriveRecord
from eval.runs.folder import DRIVES, RunFolder
from sim.errors import one_of
from sim.scenario import Scenario
from sim.sources.driven import driven_scenario


@dataclass(frozen=True)
class DriveRef:
    """Scenario number `index` of a run, as one planner drove it."""

    run: Path
    planner: str
    index: int

    def load(self) -> Scenario:
        """Raises ValueError naming the file that is missing, damaged or of something else."""
        folder = RunFolder(self.run)
        scenario = folder.read_scenario(self.index)
        path = folder.drive_path(self.planner, self.index)
        record = DriveRecord.load(path)
        try:
            return driven_scenario(scenario, record.pose, record.valid, record.dt_s)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


def find_drives(path: Path, planner: str | None) -> list[DriveRef]:
    """One planner's drives, in order; `planner` None: that of the run, if it has but one.

    Raises ValueError where the folder is no run or holds no drives, and for an unknown planner.
    """
    if not (path / "config.yaml").is_file():
        raise ValueError(f"{path}: no run folder (config.yaml is missing)")
    files = sorted(path.glob(f"{DRIVES}/*/*.npz"))
    if not files:
        raise ValueError(f"{path}: no drives in this run folder")
    planners = tuple(dict.fromkeys(file.parent.name for file in files))
    if planner is None and len(planners) > 1:
        raise ValueError(f"--planner: name one of the run's planners: {', '.join(planners)}")
    chosen = planner or files[0].parent.name
    one_of("--planner", chosen, planners)
    run = path.resolve()
    return [DriveRef(run, chosen, int(f.stem)) for f in files if f.parent.name == chosen]
