"""`Results`: what `simulate` found out, as tables, as pictures, and as a run folder."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from drive.pipelines.simulate import Outcome, show_drives
from drive.pipelines.simulate_config import SimulateConfig
from eval.runs.folder import RunFolder
from eval.runs.results import ErrorNote
from sim.text_files import read_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


class Results:
    """Scores of scenarios driven by planners; `skipped`: the scenarios that could not be used, and why.

    Until it is saved its run folder is one that goes with it.
    """

    def __init__(
        self,
        config: SimulateConfig,
        folder: RunFolder,
        outcome: Outcome,
        scratch: TemporaryDirectory[str],
    ) -> None:
        self.skipped: list[dict[str, str]] = outcome.summary["skipped"]
        self._config, self._summary, self._errors = config, outcome.summary, outcome.errors
        self._folder: RunFolder = folder
        self._scratch: TemporaryDirectory[str] | None = scratch

    @property
    def errors(self) -> list[ErrorNote]:
        """What planners and metrics raised, each with the text of its traceback."""
        return [
            replace(note, traceback=read_text(self._folder.path / note.traceback))
            for note in self._errors
        ]

    def table(self) -> "DataFrame":
        """A row for each scenario and planner: its id, family and tags, and every metric (NaN: no value)."""
        import pandas

        return pandas.read_parquet(self._folder.path / "per_scenario.parquet")

    def means(self) -> "DataFrame":
        """A row for each planner: the table that the command line prints."""
        import pandas

        from eval.report.score_table import score_columns

        columns = score_columns(self._summary, self._folder.declared_metrics())
        return pandas.DataFrame.from_dict(columns, orient="index")

    def show(self, scenario_id: str, planner: str | None = None) -> "Figure | None":
        """One drive: in a notebook as a film, elsewhere as the figure that is returned.

        Raises InputError for an unknown scenario or planner; with several planners one has to be named.
        """
        from drive.pipelines.run_drives import find_drives
        from eval.report.inline import show
        from eval.runs.drive_record import DriveRecord

        ref = find_drives(self._folder.path, planner, (scenario_id,))[0]
        record = DriveRecord.load(self._folder.drive_path(ref.planner, ref.index))
        number = list(self._summary["planners"]).index(ref.planner)
        return show(self._folder.read_scenario(ref.index), record, ref.planner, number)

    def save(self, path: str | Path) -> Path:
        """The run folder that `bevdrive simulate` writes, with videos and report; returns its path.

        Raises InputError where something of that name is there already.
        """
        import shutil

        from eval.runs.folder import whole_folder
        from sim.remote import localized

        target = Path(localized(str(path)))
        with whole_folder(target.parent, target.name, self._folder.config()) as part:
            shutil.copytree(self._folder.path, part, dirs_exist_ok=True)
        self._folder, self._scratch = RunFolder(target.resolve()), None
        show_drives(self._config, self._folder)
        return target

    def report(self) -> Path:
        """Write `report.html` into the run folder; returns its path. It lasts if the results are saved."""
        from eval.report.run_report import write_report

        return write_report(self._folder)

    def __repr__(self) -> str:
        from eval.report.error_lines import error_lines
        from eval.report.score_table import score_table

        lines = [score_table(self._summary, self._folder.declared_metrics())]
        lines += [f"error: {line.text()}" for line in error_lines(self._errors)]
        if self.skipped:
            lines.append(f"{len(self.skipped)} scenarios could not be used: .skipped")
        return "\n".join(lines)
