"""What every metric must declare, and what a declaration says of a value."""

import dataclasses
import math
from pathlib import Path

import pytest
import torch

from eval.metrics.declaration import Curve, Failure, Metric
from eval.metrics.family import MetricFamily, MetricResult
from eval.metrics.suite import FAMILIES, RANKING, declared, evaluate
from sim.errors import InputError
from tests.eval.metrics.test_metrics import drive
from tests.toy import Car

GAP = Metric("mine/gap", "Gap", "my thesis", column="gap", unit="m", failure=Failure("Close", 0.5))


class GapMetric:
    metrics = (GAP,)

    def __init__(self, results: dict[str, MetricResult]) -> None:
        self.results = results

    def compute(self, rollout: object, facts: object) -> dict[str, MetricResult]:
        return self.results


def _result(worlds: int, instants: int) -> MetricResult:
    return MetricResult(torch.ones(worlds), torch.ones(worlds).bool(), torch.ones(worlds, instants))


def test_every_metric_is_declared_and_computed() -> None:
    assert all(isinstance(family, MetricFamily) for family in FAMILIES)
    results = evaluate(drive([Car(0, 0, 0, 0, 10), Car(-1, 30, 0)]))
    assert list(results) == [metric.key for metric in declared()]
    assert RANKING in declared()


@pytest.mark.parametrize("metric", declared(), ids=lambda metric: metric.key)
def test_a_declaration_is_whole(metric: Metric) -> None:
    family = metric.key.partition("/")[0]
    assert metric.label and metric.label == metric.label.strip()
    published = {
        "nuplan": ("Karnchanachari",),
        "navsim": ("Dauner", "Cao"),
        "waymax": ("Gulino",),
        "bevdrive": ("bevdrive",),
    }
    assert any(author in metric.source for author in published[family])
    worse_is_less = family != "waymax" or metric.key == "waymax/progression"
    costs = ("time_to_goal", "timeout", "deadlock", "imposed_deceleration")
    assert metric.higher_is_better == (worse_is_less and metric.key.split("/")[1] not in costs)
    if metric.curve and metric.curve.kind == "pass":  # what fails at an instant fails as a whole
        assert metric.failure is not None
    assert Metric.from_plain(metric.to_plain()) == metric


@pytest.mark.parametrize("metric", declared(), ids=lambda metric: metric.key)
def test_its_definition_is_in_the_docs(metric: Metric) -> None:
    page = Path(__file__).parents[3] / "docs" / "metrics.md"
    rows = [line for line in page.read_text().splitlines() if line.startswith("| `")]
    assert any(f"`{metric.key}`" in row.split(" | ")[0] for row in rows)


def test_labels_tell_the_metrics_apart() -> None:
    labels = [metric.label for metric in declared()]
    assert sorted(set(labels)) == sorted(labels)


def test_worse_than_the_bound_has_failed() -> None:
    assert [GAP.has_failed(value) for value in (0.4, 0.5, 0.6, math.nan)] == [
        True, False, False, False,
    ]  # fmt: skip
    lower = dataclasses.replace(GAP, higher_is_better=False)
    assert [lower.has_failed(value) for value in (0.4, 0.5, 0.6, math.nan)] == [
        False, False, True, False,
    ]  # fmt: skip
    assert not dataclasses.replace(GAP, failure=None).has_failed(-1.0)
    assert GAP.title == "Gap (m)" and dataclasses.replace(GAP, unit="").title == "Gap"
    passes = dataclasses.replace(GAP, curve=Curve("Gap", "value", unit="m"))
    assert Metric.from_plain(passes.to_plain()) == passes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"key": "gap"}, "its key must be FAMILY/NAME"),
        ({"key": "/gap"}, "its key must be FAMILY/NAME"),
        ({"label": ""}, "it has no label"),
        ({"source": ""}, "it has no source"),
    ],
)
def test_half_a_declaration_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        dataclasses.replace(GAP, **changes)


def test_no_two_share_a_name() -> None:
    twice = GapMetric({})
    with pytest.raises(InputError, match=r"mine/gap.*declared 2 times"):
        declared((twice, twice))
    other = GapMetric({})
    other.metrics = (dataclasses.replace(GAP, key="mine/other", column="score"),)  # nuPlan has it
    with pytest.raises(InputError, match="2 of them have the column 'score'"):
        declared((*FAMILIES, other))


def test_what_is_returned_must_be_what_is_declared() -> None:
    rollout = drive([Car(0, 0, 0, 0, 10)])
    instants = rollout.num_instants
    fine = GapMetric({"mine/gap": _result(1, instants)})
    assert list(evaluate(rollout, (fine,))) == ["mine/gap"]
    with pytest.raises(InputError, match="'mine/gap': its family returned no result"):
        evaluate(rollout, (GapMetric({}),))
    with pytest.raises(InputError, match=r"per_step has shape \(1, 3\), expected \(1, 41\)"):
        evaluate(rollout, (GapMetric({"mine/gap": _result(1, 3)}),))
    with pytest.raises(InputError, match=r"value has shape \(2,\), expected \(1,\)"):
        evaluate(rollout, (GapMetric({"mine/gap": _result(2, instants)}),))
