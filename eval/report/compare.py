"""Two planners of a report side by side: paired differences, intervals, tests, wins and losses.

Who is better is only said of enough pairs, and where the test holds beside all others of the page.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float

from eval.metrics.declaration import Metric
from eval.report.bootstrap import Interval, difference_interval
from eval.report.planner_runs import PlannerRun, common_keys
from eval.report.significance import ALPHA, LEAST_PAIRS, holm, sign_flip_p
from sim.errors import InputError

_TIE = 1e-9


@dataclass(frozen=True)
class Difference:
    """B minus A over the scenarios where both have a value; `wins`: B is better; `p`: `sign_flip_p`."""

    mean_a: float
    mean_b: float
    interval: Interval
    wins: int
    losses: int
    ties: int
    p: float

    def verdict(self, corrected_p: float, higher_is_better: bool) -> str:
        """What may be said of B: "better", "worse", "same" (no difference is shown) or "few" pairs."""
        if self.interval.count < LEAST_PAIRS:
            return "few"
        if corrected_p >= ALPHA:
            return "same"
        return "better" if (self.interval.mean > 0.0) == higher_is_better else "worse"


def difference(
    a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], metric: Metric
) -> Difference:
    """Of paired values (not finite: no value)."""
    both = np.isfinite(a) & np.isfinite(b)
    gap = b[both] - a[both]
    gain = gap if metric.higher_is_better else -gap
    wins, losses = int((gain > _TIE).sum()), int((gain < -_TIE).sum())
    most = np.inf if metric.unit else 1.0
    return Difference(
        mean_a=float(a[both].mean()) if both.any() else np.nan,
        mean_b=float(b[both].mean()) if both.any() else np.nan,
        interval=difference_interval(gap, (-most, most)),
        wins=wins,
        losses=losses,
        ties=len(gap) - wins - losses,
        p=sign_flip_p(gap),
    )


def compare_all(columns: list[PlannerRun], metrics: list[Metric]) -> list[dict[str, Any]]:
    """Every pair that has scenarios in common, as the page takes it; tests are corrected for all of them."""
    pairs: list[dict[str, Any]] = []
    tested: list[list[Difference]] = []
    for a, b in combinations(range(len(columns)), 2):
        keys = common_keys([columns[a], columns[b]])
        if keys:
            pairs.append({"a": a, "b": b, "common": len(keys)})
            tested.append([
                difference(columns[a].values(keys, m.key), columns[b].values(keys, m.key), m)
                for m in metrics
            ])  # fmt: skip
    corrected = iter(holm(np.array([one.p for found in tested for one in found])).tolist())
    for pair, found in zip(pairs, tested, strict=True):
        rows = zip(found, metrics, strict=True)
        pair["metrics"] = [_row(one, next(corrected), m.higher_is_better) for one, m in rows]
    return pairs


def require_common(columns: list[PlannerRun]) -> None:
    """Raise InputError where a run shares no scenario with the first."""
    for column in columns[1:]:
        if not common_keys([columns[0], column]):
            raise InputError(
                f"{column.run.path}: no scenario in common with {columns[0].run.path} "
                "(paired by scenario id)"
            )


def _row(found: Difference, corrected_p: float, higher_is_better: bool) -> dict[str, Any]:
    def plain(value: float) -> float | None:
        return None if np.isnan(value) else float(f"{value:.6g}")

    return {
        "means": [plain(found.mean_a), plain(found.mean_b)],
        "difference": found.interval.plain(),
        "wins_losses_ties": [found.wins, found.losses, found.ties],
        "p": plain(found.p),
        "corrected_p": plain(corrected_p),
        "verdict": found.verdict(corrected_p, higher_is_better),
    }
