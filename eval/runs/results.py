"""What a run found out: the metrics of every drive, and their means."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from eval.metrics.family import MetricResult

PRIVILEGED = "*"  # stands behind the names of planners that are, in tables
PRIVILEGED_NOTE = f"{PRIVILEGED} privileged: it is shown what only the simulator knows"


@dataclass(frozen=True)
class DriveScores:
    """Scenario number `index` of a run driven by one planner: its metrics by key.

    Those without a value are absent. `tags`: what happens in the recording (`sim.tags`).
    """

    scenario_id: str
    family: str
    planner: str
    index: int
    metrics: dict[str, float]
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ErrorNote:
    """Something was raised: these scenarios have no scores, of one planner or of all ("").

    `traceback`: the file that holds it, below the run folder.
    """

    scenarios: list[str]
    planner: str
    reason: str
    traceback: str


@dataclass(frozen=True)
class Results:
    """Of a run or a batch of it: the drives; the scenarios that could not be used, and why; errors.

    `privileged`: the planners that were shown what only the simulator knows.
    """

    drives: list[DriveScores]
    skipped: list[dict[str, str]]
    errors: list[ErrorNote] = field(default_factory=list)
    privileged: list[str] = field(default_factory=list)


def values_of(results: Mapping[str, MetricResult], world: int) -> dict[str, float]:
    """The metrics that have a value in world number `world`."""
    values = {key: float(r.value[world]) for key, r in results.items() if r.valid[world]}
    return {key: value for key, value in values.items() if math.isfinite(value)}


def summarize(results: Results) -> dict[str, Any]:
    """Means over the scenarios where a metric has a value: per planner, and per family."""
    planners: dict[str, Any] = {}
    for name in dict.fromkeys(drive.planner for drive in results.drives):
        drives = [drive for drive in results.drives if drive.planner == name]
        families = sorted({drive.family for drive in drives})
        planners[name] = {
            "scenarios": len(drives),
            "mean": _means(drives),
            "per_family": {f: _means(d for d in drives if d.family == f) for f in families},
        }
    errors = {"errors": [asdict(note) for note in results.errors]} if results.errors else {}
    marked = {"privileged": results.privileged} if results.privileged else {}
    return {"planners": planners, "skipped": results.skipped, **errors, **marked}


def _means(drives: Iterable[DriveScores]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for drive in drives:
        for name, value in drive.metrics.items():
            values.setdefault(name, []).append(value)
    return {name: float(f"{math.fsum(v) / len(v):.6g}") for name, v in sorted(values.items())}
