"""Two planners of a report side by side: paired differences, their intervals, wins and losses."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float

from eval.metrics.declaration import Metric
from eval.report.bootstrap import Interval, mean_interval
from eval.report.planner_runs import PlannerRun, common_keys
from sim.errors import InputError

_TIE = 1e-9


@dataclass(frozen=True)
class Difference:
    """B minus A over the scenarios where both have a value; `wins`: B is better."""

    mean_a: float
    mean_b: float
    interval: Interval
    wins: int
    losses: int
    ties: int


def difference(
    a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], higher_is_better: bool = True
) -> Difference:
    """Of paired values (not finite: no value)."""
    both = np.isfinite(a) & np.isfinite(b)
    gap = b[both] - a[both]
    gain = gap if higher_is_better else -gap
    wins, losses = int((gain > _TIE).sum()), int((gain < -_TIE).sum())
    return Difference(
        mean_a=float(a[both].mean()) if both.any() else np.nan,
        mean_b=float(b[both].mean()) if both.any() else np.nan,
        interval=mean_interval(gap),
        wins=wins,
        losses=losses,
        ties=len(gap) - wins - losses,
    )


def compare_all(columns: list[PlannerRun], metrics: list[Metric]) -> list[dict[str, Any]]:
    """Every pair that has scenarios in common, as the page takes it."""
    pairs = []
    for a, b in combinations(range(len(columns)), 2):
        keys = common_keys([columns[a], columns[b]])
        if keys:
            rows = [_row(columns[a], columns[b], keys, metric) for metric in metrics]
            pairs.append({"a": a, "b": b, "common": len(keys), "metrics": rows})
    return pairs


def require_common(columns: list[PlannerRun]) -> None:
    """Raise InputError where a run shares no scenario with the first."""
    for column in columns[1:]:
        if not common_keys([columns[0], column]):
            raise InputError(
                f"{column.run.path}: no scenario in common with {columns[0].run.path} "
                "(paired by scenario id)"
            )


def _row(a: PlannerRun, b: PlannerRun, keys: list[str], metric: Metric) -> dict[str, Any]:
    found = difference(
        a.values(keys, metric.key), b.values(keys, metric.key), metric.higher_is_better
    )
    plain = [None if np.isnan(v) else float(f"{v:.6g}") for v in (found.mean_a, found.mean_b)]
    counts = [found.wins, found.losses, found.ties]
    return {"means": plain, "difference": found.interval.plain(), "wins_losses_ties": counts}
