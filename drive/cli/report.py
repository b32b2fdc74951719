"""`bevdrive report`."""

from dataclasses import dataclass
from pathlib import Path

from drive.cli.options import Form
from sim.errors import InputError


@dataclass(frozen=True)
class ReportOptions:
    """Write the report of a run again, or one page that compares several runs.

    Examples:
      bevdrive report runs/demo                          # write runs/demo/report.html again
      bevdrive report runs/before runs/after             # both side by side, in compare.html
      bevdrive report runs/a runs/b runs/c --out abc.html

    Several runs are paired by scenario id: differences B - A of every metric over the scenarios that
    both hold, with 95 % intervals and tests. Exit codes: 0 all well; 2 wrong input; 130 interrupted.
    """

    run: tuple[Path, ...]
    """run folders"""
    out: Path | None = None
    """the page of several runs; not given: compare.html"""


def forms() -> dict[str, Form]:
    """The one that there is."""
    groups = {"output": ("out",)}
    return {"": Form(ReportOptions, "bevdrive report", groups, positional=("run",))}


def parse(arguments: list[str]) -> ReportOptions:
    """Which runs, and where the page goes."""
    return forms()[""].parse(arguments)


def run(arguments: list[str]) -> int:
    """Write the page; returns the exit code. Raises InputError for wrong input."""
    options = parse(arguments)
    if options.out is not None and len(options.run) == 1:
        raise InputError("--out: with one run the page is its own report.html")
    from eval.report.run_report import write_comparison, write_report
    from eval.report.table import has_tables, rewrite_report
    from eval.runs.folder import RunFolder

    runs = [RunFolder.open(path) for path in options.run]
    if len(runs) == 1:
        path = rewrite_report(runs[0].path) if has_tables(runs[0].path) else write_report(runs[0])
    else:
        path = options.out or Path("compare.html")
        if not path.parent.is_dir() or path.is_dir():
            raise InputError(f"--out: {path}: no file can be written there")
        write_comparison(runs, path)
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0
