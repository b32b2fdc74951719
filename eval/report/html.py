"""`report.html`: one page without network: scores, distributions, worst scenarios with videos."""

import re
from html import escape
from pathlib import Path
from typing import Any

from eval.report.run_folder import Chunk, Row

_SHOWN = (
    "nuplan/score", "nuplan/no_at_fault_collision", "nuplan/drivable_area_compliance",
    "nuplan/driving_direction_compliance", "nuplan/making_progress", "nuplan/ego_progress",
    "nuplan/time_to_collision", "nuplan/speed_limit_compliance", "nuplan/comfort", "navsim/pdms",
)  # fmt: skip
_BINS = 10


def write_report(
    path: Path, title: str, summary: dict[str, Any], chunk: Chunk, config: str
) -> None:
    """Write the page; videos are linked where `videos/` holds them."""
    template = (Path(__file__).parent / "report.html").read_text()
    parts = {
        "TITLE": escape(title),
        "SCORES": _scores(summary),
        "HISTOGRAMS": "".join(_histogram(name, chunk.rows) for name in _SHOWN),
        "WORST": _worst(path.parent, chunk.rows),
        "SKIPPED": _skipped(chunk.skipped),
        "SCENARIOS": _scenarios(chunk.rows),
        "CONFIG": escape(config),
    }
    for key, value in parts.items():
        template = template.replace("{{" + key + "}}", value)
    path.write_text(template)


def video_name(row: Row) -> str:
    """File name of the video of a scenario driven by a planner."""
    safe = re.sub(r"[^\w.-]", "_", row.scenario_id)  # an id from a file may hold anything
    return f"{row.planner}-{row.index:06d}-{safe}.mp4"


def _short(metric: str) -> str:
    return escape(metric.split("/")[1].replace("_", " ") if metric != "navsim/pdms" else "PDMS")


def _scores(summary: dict[str, Any]) -> str:
    head = "".join(f"<th>{_short(m)}</th>" for m in _SHOWN)
    rows = ""
    for planner, entry in summary["planners"].items():
        cells = "".join(f"<td>{entry['mean'].get(m, float('nan')):.3f}</td>" for m in _SHOWN)
        rows += f"<tr><th>{escape(planner)}</th><td>{entry['scenarios']}</td>{cells}</tr>"
    return f"<table><thead><tr><th>planner</th><th>n</th>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _histogram(metric: str, rows: list[Row]) -> str:
    planners = list(dict.fromkeys(row.planner for row in rows))
    bars = ""
    width = 100.0 / (_BINS * len(planners) + _BINS)
    for p, planner in enumerate(planners):
        values = [r.metrics[metric] for r in rows if r.planner == planner and metric in r.metrics]
        for k in range(_BINS):
            inside = [v for v in values if k <= min(v * _BINS, _BINS - 1e-6) < k + 1]
            height = 40.0 * len(inside) / max(1, len(values))
            x = k * (len(planners) + 1) * width + p * width
            tip = f"{planner}: {len(inside)} in {k / _BINS:.1f} to {(k + 1) / _BINS:.1f}"
            bars += (
                f'<rect class="p{p % 4}" x="{x:.2f}" y="{40 - height:.2f}" width="{width:.2f}" '
                f'height="{height:.2f}"><title>{escape(tip)}</title></rect>'
            )
    legend = " ".join(
        f'<span class="key p{p % 4}"></span>{escape(n)}' for p, n in enumerate(planners)
    )
    svg = f'<svg viewBox="0 0 100 40" preserveAspectRatio="none" role="img">{bars}</svg>'
    return f"<figure><figcaption>{_short(metric)}</figcaption>{svg}<small>0 to 1. {legend}</small></figure>"


def _worst(folder: Path, rows: list[Row]) -> str:
    found = [row for row in rows if (folder / "videos" / video_name(row)).is_file()]
    found.sort(key=lambda row: (row.planner, row.metrics.get("nuplan/score", 0.0)))
    cards = ""
    for row in found:
        failed = ", ".join(_short(m) for m in _SHOWN[1:] if row.metrics.get(m, 1.0) < 0.5) or "none"
        cards += (
            f'<figure><video controls preload="metadata" src="videos/{escape(video_name(row))}"></video>'
            f"<figcaption>{escape(row.planner)}, {escape(row.scenario_id)}: score "
            f"{row.metrics.get('nuplan/score', 0.0):.3f}; failed: {failed}</figcaption></figure>"
        )
    return cards or "<p>No videos were asked for.</p>"


def _skipped(skipped: list[dict[str, str]]) -> str:
    if not skipped:
        return "<p>None.</p>"
    items = (f"<li><b>{escape(s['scenario'])}</b>: {escape(s['reason'])}</li>" for s in skipped)
    return f"<ul>{''.join(items)}</ul>"


def _scenarios(rows: list[Row]) -> str:
    head = "".join(f"<th>{_short(m)}</th>" for m in _SHOWN)
    body = ""
    for row in rows:
        cells = ""
        for metric in _SHOWN:
            value = row.metrics.get(metric)
            text = "" if value is None else f"{value:.3f}"
            cells += f'<td class="{"bad" if value is not None and value < 0.5 else ""}">{text}</td>'
        names = (row.scenario_id, row.family, row.planner)
        body += "<tr>" + "".join(f"<td>{escape(n)}</td>" for n in names) + cells + "</tr>"
    return (
        '<table id="scenarios"><thead><tr><th>scenario</th><th>family</th><th>planner</th>'
        f"{head}</tr></thead><tbody>{body}</tbody></table>"
    )
