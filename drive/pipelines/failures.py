"""What fails in a run is noted, with its traceback, for the scenarios it belongs to; the run goes on."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from eval.report.run_folder import Failure, RunFolder
from sim.errors import InputError


class Failures:
    """Those of one chunk of a run."""

    def __init__(self, run: RunFolder, chunk: int) -> None:
        self.found: list[Failure] = []
        self._run, self._chunk = run, chunk
        for stale in (run.path / "errors").glob(f"{chunk:05d}-*.txt"):
            stale.unlink()  # of the same chunk, before the run was resumed

    @contextmanager
    def noted(self, scenarios: list[str], planner: str = "", what: str = "") -> Iterator[None]:
        """Whatever is raised within belongs to these scenarios, under one planner or all ("")."""
        try:
            yield
        except (Exception, SystemExit) as error:  # somebody's planner may want to leave
            name = f"{self._chunk:05d}-{len(self.found)}.txt"
            text = "".join(traceback.format_exception(error))
            path = self._run.write_error(name, text)
            self.found.append(Failure(scenarios, planner, what + _reason(error), path))


def _reason(error: BaseException) -> str:
    """In one line: what it was, and where (what was noted to it)."""
    text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
    notes = "; ".join(getattr(error, "__notes__", ()))
    first = text.strip().splitlines()[0] if text.strip() else type(error).__name__
    return f"{first} ({notes})" if notes else first
