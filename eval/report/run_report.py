"""`report.html` of a run of `simulate`, and the page that compares several runs."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from eval.metrics.declaration import Metric
from eval.metrics.suite import RANKING
from eval.report.bootstrap import Bounds, mean_interval
from eval.report.compare import compare_all, require_common
from eval.report.error_lines import errors_section
from eval.report.page import RUN_SCRIPTS, TABLE_SCRIPTS, write_page
from eval.report.planner_runs import PlannerRun, read_planner_runs, run_names
from eval.report.playback_choice import choose_listed, choose_playbacks
from eval.report.significance import LEAST_PAIRS
from eval.report.video import video_name
from eval.runs.folder import RunFolder
from eval.runs.results import PRIVILEGED, PRIVILEGED_NOTE, DriveScores, ErrorNote
from sim.sources.query import SourceQuery
from sim.text_files import read_text

BUDGET_BYTES = 18_000_000  # of playbacks in one page


def write_report(run: RunFolder, budget_bytes: int = BUDGET_BYTES) -> Path:
    """`report.html` of a finished run; raises InputError where it is not finished."""
    path = run.path / "report.html"
    results = run.read_tables()
    if results.errors and not results.drives:
        write_page(path, run.path.name, _body([run], results.errors), TABLE_SCRIPTS)
        return path
    _write(path, run.path.name, [run], budget_bytes)
    return path


def write_comparison(runs: list[RunFolder], path: Path, budget_bytes: int = BUDGET_BYTES) -> None:
    """One page of several runs, paired by scenario id.

    Raises InputError for a run that is not finished, or has no scenario in common with the first.
    """
    _write(path, " vs ".join(run_names([run.path for run in runs])), runs, budget_bytes)


def _write(path: Path, title: str, runs: list[RunFolder], budget_bytes: int) -> None:
    columns, skipped, errors = read_planner_runs(runs)
    require_common([next(c for c in columns if c.run is run) for run in runs])
    declared = {metric.key: metric for run in runs for metric in run.declared_metrics()}
    metrics = _valued(declared.values(), columns)
    keys = list(dict.fromkeys(key for column in columns for key in column.drives))
    listed, left_out = choose_listed(columns, keys)
    playbacks = choose_playbacks(columns, listed, list(declared.values()), budget_bytes)
    data = {
        "title": title,
        "compares": len(runs) > 1,
        "metrics": [_shown(metric) for metric in metrics],
        "score": RANKING.key,
        "failures": {m.key: m.failure.name for m in declared.values() if m.failure},
        "curves": [asdict(m.curve) | {"key": m.key} for m in declared.values() if m.curve],
        "columns": [_summary(column, metrics) for column in columns],
        "count": len(keys),
        "scenarios": [_scenario(columns, key) for key in listed],
        "rows": list(_rows(columns, listed, metrics, path.parent)),
        "pairs": compare_all(columns, metrics),
        "least_pairs": LEAST_PAIRS,
        "playbacks": playbacks.index,
        "missing": f"{left_out} {playbacks.missing}".strip(),
        "skipped": skipped,
        "facts": _facts(runs) + ([PRIVILEGED_NOTE] if any(c.privileged for c in columns) else []),
    }
    write_page(path, title, _body(runs, errors), RUN_SCRIPTS, data, playbacks.blocks.items())


def _shown(metric: Metric) -> dict[str, Any]:
    """What the page knows of a metric."""
    return {
        "key": metric.key,
        "title": metric.title,
        "source": metric.source,
        "higher_is_better": metric.higher_is_better,
        "unit": metric.unit,
        "is_brief": bool(metric.column) and metric.failure is None,
    }


def _valued(metrics: Iterable[Metric], columns: list[PlannerRun]) -> list[Metric]:
    """Those of which some drive has a value."""
    drives = [drive for column in columns for drive in column.drives.values()]
    held = {key for drive in drives for key in drive.metrics}
    return [metric for metric in metrics if metric.key in held]


def _failed(drive: DriveScores, metrics: list[Metric]) -> list[str]:
    """Keys of the metrics that failed."""
    return [m.key for m in metrics if m.has_failed(drive.metrics.get(m.key, math.nan))]


def _summary(column: PlannerRun, metrics: list[Metric]) -> dict[str, Any]:
    """Means with their intervals, by metric; of the score, also by family; failures by kind."""
    drives, keys = column.drives, list(column.drives)
    families: dict[str, list[str]] = {}
    for key in sorted(keys, key=lambda key: drives[key].family):
        families.setdefault(drives[key].family, []).append(key)
    failures = [_failed(drive, metrics) for drive in drives.values()]
    kinds = Counter(kind for found in failures for kind in found)
    return {
        "label": f"{column.label} {PRIVILEGED}" if column.privileged else column.label,
        "scenarios": len(keys),
        "means": [mean_interval(column.values(keys, m.key), _range(m)).plain() for m in metrics],
        "families": {
            family: mean_interval(column.values(members, RANKING.key), _range(RANKING)).plain()
            for family, members in families.items()
        },
        "failures": [[m.key, kinds[m.key]] for m in metrics if m.failure],
        "clean": sum(not found for found in failures),
    }


def _range(metric: Metric) -> Bounds:
    """Where its values can lie."""
    return (-math.inf, math.inf) if metric.unit else (0.0, 1.0)


def _scenario(columns: list[PlannerRun], key: str) -> dict[str, Any]:
    drive = next(column.drives[key] for column in columns if key in column.drives)
    return {"key": key, "family": drive.family, "tags": drive.tags}


def _rows(
    columns: list[PlannerRun], keys: list[str], metrics: list[Metric], folder: Path
) -> Iterator[dict[str, Any]]:
    """One for each scenario and column: numbers of both, values, failures, and the video's place."""
    for s, key in enumerate(keys):
        for c, column in enumerate(columns):
            if key not in column.drives:
                continue
            drive = column.drives[key]
            values = [drive.metrics.get(m.key, math.nan) for m in metrics]
            entry: dict[str, Any] = {
                "scenario": s,
                "column": c,
                "values": [float(f"{v:.6g}") if math.isfinite(v) else None for v in values],
                "failed": _failed(drive, metrics),
            }
            video = column.run.path / "videos" / video_name(drive)
            if column.run.path == folder and video.is_file():
                entry["video"] = f"videos/{video.name}"
            yield entry


def _facts(runs: list[RunFolder]) -> list[str]:
    """What the runs were of, one line each."""
    lines = []
    for name, run in zip(run_names([run.path for run in runs]), runs, strict=True):
        config = run.config()
        shown = ["source", "traffic", "perception", "split"]
        if config.get("source") == SourceQuery.source:
            shown.append("seed")  # it is the generator's
        facts = [f"{key} {config[key]}" for key in shown if config.get(key) is not None]
        if benchmark := run.benchmark():
            facts.insert(0, "benchmark {name} version {version}, hash {hash}".format(**benchmark))
        lines.append((f"{name}: " if len(runs) > 1 else "") + ", ".join(facts))
    return lines


def _body(runs: list[RunFolder], errors: list[ErrorNote]) -> str:
    """Errors and configurations; all else is drawn by the scripts."""
    parts = []
    for name, run in zip(run_names([run.path for run in runs]), runs, strict=True):
        config = read_text(run.path / "config.yaml")
        parts.append(
            f"<details class='config'><summary>Configuration of {escape(name)}</summary>"
            f"<pre>{escape(config)}</pre></details>"
        )
    main = f'<main id="report">{errors_section(errors)}</main>'
    return f"{main}\n<footer>" + "".join(parts) + "</footer>"
