"""The means of a run, planner by planner, in the short columns that the metrics declare."""

import math
from collections.abc import Sequence
from typing import Any

from eval.metrics.declaration import Metric
from eval.runs.results import PRIVILEGED, PRIVILEGED_NOTE


def score_columns(
    summary: dict[str, Any], metrics: Sequence[Metric]
) -> dict[str, dict[str, float]]:
    """By planner and column: how many scenes, and the means; NaN where there is none."""
    return {
        planner: {"scenes": float(entry["scenarios"])}
        | {m.column: entry["mean"].get(m.key, math.nan) for m in metrics if m.column}
        for planner, entry in summary["planners"].items()
    }


def score_table(summary: dict[str, Any], metrics: Sequence[Metric]) -> str:
    """The table that the terminal shows; privileged planners are marked."""
    rows = score_columns(summary, metrics)
    columns = [metric.column for metric in metrics if metric.column]
    widths = [max(11, len(name) + 2) for name in columns]
    head = "".join(name.rjust(width) for name, width in zip(columns, widths, strict=True))
    lines = [f"{'planner':18s}{'n':>5s}{head}"]
    privileged = summary.get("privileged", [])
    for planner, row in rows.items():
        name = f"{planner} {PRIVILEGED}" if planner in privileged else planner
        cells = (f"{row[c]:{w}.3f}" for c, w in zip(columns, widths, strict=True))
        lines.append(f"{name:18s}{row['scenes']:5.0f}" + "".join(cells))
    if privileged:
        lines.append(PRIVILEGED_NOTE)
    return "\n".join(lines)
