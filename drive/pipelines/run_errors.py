"""What is raised in a run is noted, with its traceback, for the scenarios it belongs to."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from eval.runs.folder import RunFolder
from eval.runs.results import ErrorNote
from sim.errors import InputError
from sim.files import is_of_disk


class RunErrors:
    """Those of one batch of a run."""

    def __init__(self, run: RunFolder, batch: int) -> None:
        self.notes: list[ErrorNote] = []
        self._run, self._batch = run, batch
        run.remove_errors(batch)

    @contextmanager
    def noted(self, scenarios: list[str], planner: str = "", what: str = "") -> Iterator[None]:
        """What is raised within ends the block alone; it is noted for one planner, or for all ("")."""
        try:
            yield
        except (Exception, SystemExit) as error:  # somebody's planner may call sys.exit
            if is_of_disk(error):
                raise  # nothing more can be written, the note of it neither
            text = "".join(traceback.format_exception(error))
            path = self._run.write_error(self._batch, len(self.notes), text)
            self.notes.append(ErrorNote(scenarios, planner, what + _reason(error), path))


def _reason(error: BaseException) -> str:
    """In one line: what it was, and where (what was noted to it)."""
    told = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
    first = next(iter(told.strip().splitlines()), type(error).__name__)
    notes = "; ".join(getattr(error, "__notes__", ()))
    return f"{first} ({notes})" if notes else first
