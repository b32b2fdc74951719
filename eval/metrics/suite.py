"""The registry of the closed-loop metrics, and how a rollout is judged by them.

Whoever has a metric of his own passes one `MetricFamily` more: `evaluate(rollout, (*FAMILIES, mine))`;
on the command line its class is named (`METRICS`).
"""

from collections import Counter
from collections.abc import Sequence

from eval.metrics.declaration import Metric
from eval.metrics.epdms import NavsimMetrics
from eval.metrics.facts import Facts
from eval.metrics.family import MetricFamily, MetricResult
from eval.metrics.interaction import InteractionMetrics
from eval.metrics.nuplan import SCORE, NuplanMetrics
from eval.metrics.own import OwnMetrics
from eval.metrics.waymax import WaymaxMetrics
from eval.rollout import Rollout
from sim.errors import InputError
from sim.registry import Registry

FAMILIES: tuple[MetricFamily, ...] = (
    NuplanMetrics(),
    InteractionMetrics(),
    NavsimMetrics(),
    WaymaxMetrics(),
    OwnMetrics(),
)
RANKING = SCORE  # drives are ranked by this one
METRICS = Registry(
    option="--metric",
    group="bevdrive.metrics",
    methods=("compute(rollout, facts)",),
    builtin={},
)


def own_families(names: Sequence[str]) -> tuple[MetricFamily, ...]:
    """Those of a user; InputError where a name stands for none, or one declares no metrics."""
    families: tuple[MetricFamily, ...] = tuple(METRICS.make(name) for name in names)
    for name, family in zip(names, families, strict=True):
        metrics = getattr(family, "metrics", ())
        if not metrics or not all(isinstance(metric, Metric) for metric in metrics):
            wanted = "a tuple of eval.metrics.declaration.Metric"
            raise InputError(f"--metric {name}: metrics: expected {wanted}, got {metrics!r}")
    return families


def declared(families: Sequence[MetricFamily] = FAMILIES) -> tuple[Metric, ...]:
    """The metrics of these families, in the order of reports; InputError where two share a name."""
    metrics = tuple(metric for family in families for metric in family.metrics)
    for key, times in Counter(metric.key for metric in metrics).items():
        if times > 1:
            raise InputError(f"metric {key!r}: declared {times} times")
    for column, times in Counter(m.column for m in metrics if m.column).items():
        if times > 1:
            raise InputError(f"metrics: {times} of them have the column {column!r}")
    return metrics


def evaluate(
    rollout: Rollout,
    families: Sequence[MetricFamily] = FAMILIES,
    facts: Facts | None = None,
) -> dict[str, MetricResult]:
    """The result of every declared metric, by key; `facts` None: they are found here.

    Raises InputError where a family returns something else than it declares.
    """
    facts = Facts.of(rollout) if facts is None else facts
    results: dict[str, MetricResult] = {}
    for family in families:
        found = family.compute(rollout, facts)
        for metric in family.metrics:
            if metric.key not in found:
                raise InputError(f"metric {metric.key!r}: its family returned no result for it")
            _require_shapes(metric, found[metric.key], rollout)
            results[metric.key] = found[metric.key]
    return results


def _require_shapes(metric: Metric, result: MetricResult, rollout: Rollout) -> None:
    worlds, instants = rollout.active.shape
    wanted = {"value": (worlds,), "valid": (worlds,), "per_step": (worlds, instants)}
    for name, shape in wanted.items():
        got = tuple(getattr(result, name).shape)
        if got != shape:
            raise InputError(f"metric {metric.key!r}: {name} has shape {got}, expected {shape}")
