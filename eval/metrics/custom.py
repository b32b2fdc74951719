"""Metrics from outside: a class with `evaluate(rollout) -> MetricResult`, named on the command line."""

from typing import TYPE_CHECKING

from sim.errors import InputError
from sim.registry import Registry

if TYPE_CHECKING:
    from eval.metrics.result import MetricResult
    from eval.rollout import Rollout

METRICS = Registry(
    option="--metric",
    group="bevdrive.metrics",
    methods=("evaluate(rollout)",),
    builtin={},
)


def evaluate_custom(rollout: "Rollout", name: str, label: str) -> "MetricResult":
    """The metric of that name; raises InputError for a result that is none."""
    from eval.metrics.result import MetricResult

    result = METRICS.load(name)().evaluate(rollout)
    if not isinstance(result, MetricResult):
        raise InputError(f"{label}: expected an eval.metrics.result.MetricResult, got {result!r}")
    instants = tuple(rollout.active.shape)
    for field, shape in {
        "value": instants[:1],
        "valid": instants[:1],
        "per_step": instants,
    }.items():
        given = tuple(getattr(result, field).shape)
        if given != shape:
            raise InputError(f"{label}: {field}: expected shape {list(shape)}, got {list(given)}")
    return result
