"""`log.txt` of a run folder: what was run, when, and every line that it said beside its results."""

import os
import shlex
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

FILE = "log.txt"


class RunLog:
    """While it is entered: what goes to standard error is noted, but for progress bars.

    Lines wait until the verb tells in which folder it runs (`keep_log`); if it never does, they are dropped.
    `code`: how the verb ended, to be set before the block is left.
    """

    def __init__(self, arguments: list[str]) -> None:
        self.code = 0
        self._command = f"bevdrive {shlex.join(arguments)}"
        self._lines: list[str] = []
        self._begun = ""  # a line that is not whole yet
        self._path: Path | None = None

    def __enter__(self) -> "RunLog":
        global _current
        self._before, _current = _current, self
        self._stderr, self._began = sys.stderr, time.perf_counter()
        sys.stderr = _Noted(sys.stderr, self)  # type: ignore[assignment]
        self.note(self._command)
        return self

    def __exit__(self, *_: object) -> None:
        global _current
        _current, sys.stderr = self._before, self._stderr
        self.note(f"exit code {self.code} after {time.perf_counter() - self._began:.1f} s")
        if self._path is not None:
            from sim.errors import InputError
            from sim.remote import push

            with suppress(OSError, InputError):  # the run has said what its storage refuses
                push(self._path)

    def hear(self, text: str) -> None:
        """What is written to standard error, in whatever pieces."""
        *whole, self._begun = (self._begun + text).split("\n")
        for line in whole:
            if line.strip() and "\r" not in line:  # progress bars go back to the line's beginning
                self.note(line)

    def keep_in(self, folder: Path) -> None:
        """From now on, and what was said so far, in that folder."""
        from eval.runs.made_by import version_line

        self.note(version_line())
        self._path = folder / FILE
        lines, self._lines = self._lines, []
        self._write(lines)

    def note(self, line: str) -> None:
        """A line of its own, with the time."""
        stamped = f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n"
        if self._path is None:
            self._lines.append(stamped)
        else:
            self._write([stamped])

    def _write(self, lines: list[str]) -> None:
        assert self._path is not None
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(lines)
        except OSError:  # the run itself says what the disk refuses
            self._path = None


def keep_log(folder: Path) -> None:
    """The verb that is running writes to this run folder: its log goes there."""
    if (
        _current is not None and os.environ.get("LOCAL_RANK", "0") == "0"
    ):  # of several devices the first
        _current.keep_in(folder)


def log_alone(line: str) -> None:
    """A line for the log, where the terminal has had enough of its kind."""
    if _current is not None:
        _current.note(line)


_current: RunLog | None = None


class _Noted:
    """Standard error, which somebody listens to."""

    def __init__(self, stream: Any, log: RunLog) -> None:
        self._stream, self._log = stream, log

    def write(self, text: str) -> int:
        self._log.hear(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
