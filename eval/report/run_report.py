"""`report.html` of a run of `simulate`, and the page that compares several runs."""

import math
from collections import Counter
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from eval.report.bootstrap import mean_interval
from eval.report.columns import Column, read_columns, run_names
from eval.report.compare import compare_all, require_common
from eval.report.embed import embed
from eval.report.failed import failed_section
from eval.report.measures import MEASURES, SCORE, Measure, failed, measures_of
from eval.report.page import RUN_SCRIPTS, TABLE_SCRIPTS, write_page
from eval.report.run_folder import Failure, RunFolder
from eval.report.video import video_name

BUDGET_BYTES = 20_000_000  # of playbacks in one page


def write_report(run: RunFolder, budget_bytes: int = BUDGET_BYTES) -> Path:
    """`report.html` of a finished run; raises InputError where it is not finished."""
    path = run.path / "report.html"
    chunk = run.read_tables()
    if chunk.failed and not chunk.rows:
        write_page(path, run.path.name, _body([run], chunk.failed), TABLE_SCRIPTS)
        return path
    _write(path, run.path.name, [run], budget_bytes)
    return path


def write_comparison(runs: list[RunFolder], path: Path, budget_bytes: int = BUDGET_BYTES) -> None:
    """One page of several runs, paired by scenario id.

    Raises InputError for a run that is not finished, or has no scenario in common with the first.
    """
    _write(path, " vs ".join(run_names([run.path for run in runs])), runs, budget_bytes)


def _write(path: Path, title: str, runs: list[RunFolder], budget_bytes: int) -> None:
    columns, skipped, failed = read_columns(runs)
    require_common([next(c for c in columns if c.run is run) for run in runs])
    measures = measures_of([row for column in columns for row in column.rows.values()])
    keys = list(dict.fromkeys(key for column in columns for key in column.rows))
    playbacks = embed(columns, keys, budget_bytes)
    data = {
        "title": title,
        "compares": len(runs) > 1,
        "measures": [vars(measure) for measure in measures],
        "failures": {m.key: m.failure for m in MEASURES if m.failure},
        "columns": [_summary(column, measures) for column in columns],
        "scenarios": [{"key": key, "family": _family(columns, key)} for key in keys],
        "rows": list(_rows(columns, keys, measures, path.parent)),
        "pairs": compare_all(columns, measures),
        "playbacks": playbacks.index,
        "missing": playbacks.missing,
        "skipped": skipped,
        "facts": _facts(runs),
    }
    write_page(path, title, _body(runs, failed), RUN_SCRIPTS, data, playbacks.blocks.items())


def _summary(column: Column, measures: list[Measure]) -> dict[str, Any]:
    """Means with their intervals, by measure; of the score, also by family; failures by kind."""
    keys = list(column.rows)
    families: dict[str, list[str]] = {}
    for key in sorted(keys, key=lambda key: column.rows[key].family):
        families.setdefault(column.rows[key].family, []).append(key)
    kinds = Counter(kind for row in column.rows.values() for kind in failed(row))
    return {
        "label": column.label,
        "scenarios": len(keys),
        "means": [mean_interval(column.values(keys, m.key)).plain() for m in measures],
        "families": {
            family: mean_interval(column.values(members, SCORE)).plain()
            for family, members in families.items()
        },
        "failures": [[m.key, kinds[m.key]] for m in measures if m.failure],
        "clean": sum(not failed(row) for row in column.rows.values()),
    }


def _family(columns: list[Column], key: str) -> str:
    return next(column.rows[key].family for column in columns if key in column.rows)


def _rows(
    columns: list[Column], keys: list[str], measures: list[Measure], folder: Path
) -> Iterator[dict[str, Any]]:
    """One for each scenario and column: numbers of both, values, failures, and the video's place."""
    for s, key in enumerate(keys):
        for c, column in enumerate(columns):
            if key not in column.rows:
                continue
            row = column.rows[key]
            values = [row.metrics.get(m.key, math.nan) for m in measures]
            entry: dict[str, Any] = {
                "scenario": s,
                "column": c,
                "values": [float(f"{v:.6g}") if math.isfinite(v) else None for v in values],
                "failed": failed(row),
            }
            video = column.run.path / "videos" / video_name(row)
            if column.run.path == folder and video.is_file():
                entry["video"] = f"videos/{video.name}"
            yield entry


def _facts(runs: list[RunFolder]) -> list[str]:
    """What the runs were of, one line each."""
    lines = []
    for name, run in zip(run_names([run.path for run in runs]), runs, strict=True):
        config = run.config()
        shown = ("source", "traffic", "split", "seed")
        facts = [f"{key} {config[key]}" for key in shown if config.get(key) is not None]
        lines.append((f"{name}: " if len(runs) > 1 else "") + ", ".join(facts))
    return lines


def _body(runs: list[RunFolder], failed: list[Failure]) -> str:
    """What failed, and the configurations; all else is drawn by the scripts."""
    parts = []
    for name, run in zip(run_names([run.path for run in runs]), runs, strict=True):
        config = (run.path / "config.yaml").read_text()
        parts.append(
            f"<details class='config'><summary>Configuration of {escape(name)}</summary>"
            f"<pre>{escape(config)}</pre></details>"
        )
    main = f'<main id="report">{failed_section(failed)}</main>'
    return f"{main}\n<footer>" + "".join(parts) + "</footer>"
