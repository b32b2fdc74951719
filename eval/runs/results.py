"""What a run found out: the metrics of every drive, and their means."""

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from sys import intern
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
    metrics: Mapping[str, float]
    tags: list[str] = field(default_factory=list)


class MetricRow(Mapping[str, float]):
    """The metrics of a drive in a tenth of the memory of a dictionary, for runs of very many.

    `place`: where each key's value is, shared by all rows of a run; it grows.
    """

    __slots__ = ("_place", "_values")

    def __init__(self, metrics: Mapping[str, float], place: dict[str, int]) -> None:
        for key in metrics:
            place.setdefault(key, len(place))
        self._place = place
        self._values = array("d", [math.nan]) * len(place)
        for key, value in metrics.items():
            self._values[place[key]] = value

    def __getitem__(self, key: str) -> float:
        at = self._place[key]
        if at >= len(self._values) or math.isnan(self._values[at]):
            raise KeyError(key)
        return self._values[at]

    def __iter__(self) -> Iterator[str]:
        held = zip(self._place, self._values, strict=False)  # later rows may have more keys
        return (key for key, value in held if not math.isnan(value))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def compact(drive: DriveScores, place: dict[str, int]) -> DriveScores:
    """The same, small: its metrics as a `MetricRow`, texts that drives share held once."""
    return DriveScores(
        drive.scenario_id,
        intern(drive.family),
        intern(drive.planner),
        drive.index,
        MetricRow(drive.metrics, place),
        [intern(tag) for tag in drive.tags],
    )


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
    drives = list(drives)
    names = sorted({name for drive in drives for name in drive.metrics})
    means = {}
    for name in names:
        held = [drive.metrics[name] for drive in drives if name in drive.metrics]
        means[name] = float(f"{math.fsum(held) / len(held):.6g}")
    return means
