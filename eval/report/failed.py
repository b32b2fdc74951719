"""What failed in a run, in a few lines: for the terminal, and for the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from eval.report.run_folder import Failure


@dataclass(frozen=True)
class FailedGroup:
    """The same reason in several chunks: one line."""

    planner: str  # "": it belongs to no planner
    reason: str
    scenarios: int
    traceback: str  # the first of them

    def text(self) -> str:
        """As the terminal shows it."""
        who = f"{self.planner}, " if self.planner else ""
        return f"{who}{self.scenarios} scenarios: {self.reason} ({self.traceback})"


def group(failed: Sequence[Failure]) -> list[FailedGroup]:
    """Failures of the same planner for the same reason together, in the order of the first."""
    together: dict[tuple[str, str], list[Failure]] = {}
    for failure in failed:
        together.setdefault((failure.planner, failure.reason), []).append(failure)
    return [
        FailedGroup(planner, reason, sum(len(f.scenarios) for f in found), found[0].traceback)
        for (planner, reason), found in together.items()
    ]


def failed_section(failed: Sequence[Failure]) -> str:
    """A panel of the page; empty where nothing failed."""
    if not failed:
        return ""
    lines = "".join(
        f"<li><b>{escape(found.planner or 'every planner')}</b> {escape(found.reason)} "
        f"<small>({found.scenarios} scenarios; {escape(found.traceback)})</small></li>"
        for found in group(failed)
    )
    return (
        '<section class="panel" aria-label="Failed"><h2>Failed</h2>'
        '<p class="note">These scenarios have no score, because something was raised.</p>'
        f'<ul class="skipped">{lines}</ul></section>'
    )
