"""The errors of a run, in a few lines: for the terminal, and for the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from eval.runs.results import ErrorNote


@dataclass(frozen=True)
class ErrorLine:
    """The same error of the same planner, in however many batches."""

    planner: str
    reason: str
    scenarios: int
    traceback: str  # the first of them

    def text(self) -> str:
        """As the terminal shows it."""
        return f"{self.planner}, {self.scenarios} scenarios: {self.reason} ({self.traceback})"


def error_lines(errors: Sequence[ErrorNote]) -> list[ErrorLine]:
    """One for each planner and reason, in the order in which they came first."""
    together: dict[tuple[str, str], list[ErrorNote]] = {}
    for note in errors:
        together.setdefault((note.planner or "every planner", note.reason), []).append(note)
    return [
        ErrorLine(planner, reason, sum(len(n.scenarios) for n in notes), notes[0].traceback)
        for (planner, reason), notes in together.items()
    ]


def errors_section(errors: Sequence[ErrorNote]) -> str:
    """A panel of the page; empty where there are none."""
    if not errors:
        return ""
    lines = "".join(
        f"<li><b>{escape(line.planner)}</b> {escape(line.reason)} "
        f"<small>({line.scenarios} scenarios; {escape(line.traceback)})</small></li>"
        for line in error_lines(errors)
    )
    return (
        '<section class="panel" aria-label="Errors"><h2>Errors</h2>'
        '<p class="note">What was raised, and how many scenarios have no scores because of it.</p>'
        f'<ul class="skipped">{lines}</ul></section>'
    )
