"""A metric that the project does not know is shown wherever the project's own are, as it declares."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from eval.metrics.declaration import Curve, Failure, Metric
from eval.metrics.facts import Facts
from eval.metrics.family import MetricResult
from eval.metrics.suite import FAMILIES, declared, evaluate
from eval.report.playback import encode_drive
from eval.report.run_report import write_report
from eval.report.score_table import score_table
from eval.rollout import Rollout
from eval.runs.drive_record import DriveRecord
from eval.runs.folder import RunFolder
from eval.runs.results import DriveScores, Results, values_of
from eval.runs.tracer import Tracer
from tests.eval.metrics.test_metrics import drive
from tests.eval.report import made_up
from tests.eval.report.test_report_parts import data_of, unpack
from tests.toy import Car

TOP_SPEED = Metric(
    "mine/top_speed", "Top speed", "my thesis, eq. 1", column="top", higher_is_better=False,
    unit="m/s", failure=Failure("Too fast", bound=8.0), curve=Curve("Speed so far", "value", "m/s"),
)  # fmt: skip


class TopSpeed:
    metrics = (TOP_SPEED,)

    def compute(self, rollout: Rollout, facts: Facts) -> dict[str, MetricResult]:
        so_far = facts.speed_mps[:, :, 0].cummax(dim=1).values
        return {TOP_SPEED.key: MetricResult(so_far[:, -1], rollout.active[:, 0], so_far)}


FAMILIES_AND_MINE = (*FAMILIES, TopSpeed())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Two planners that do nothing but hold 5 and 10 m/s on the same road."""
    folder = RunFolder.create(tmp_path_factory.mktemp("runs"), "own", {"source": "toy"})
    metrics, drives = declared(FAMILIES_AND_MINE), []
    for planner, speed in (("slow", 5.0), ("fast", 10.0)):
        rollout = drive([Car(0, 0, 0, 0, speed)])
        results = evaluate(rollout, FAMILIES_AND_MINE)
        drives.append(DriveScores("road", "toy", planner, 0, values_of(results, 0)))
        record = DriveRecord.of(rollout, results, metrics, Tracer(), 0)
        record.save(folder.drive_path(planner, 0))
        folder.write_scenario(0, rollout.world.scenarios[0])
    folder.write_tables(Results(drives, []), metrics)
    return folder


def test_in_the_tables(run: RunFolder) -> None:
    table = pq.read_table(run.path / "per_scenario.parquet").to_pydict()
    assert table["mine/top_speed"] == [5.0, 10.0]
    summary = json.loads((run.path / "metrics.json").read_text())
    assert summary["planners"]["fast"]["mean"]["mine/top_speed"] == 10.0
    head, fast, slow = score_table(summary, run.declared_metrics()).splitlines()
    assert head.split()[-1] == "top"
    assert (slow.split()[-1], fast.split()[-1]) == ("5.000", "10.000")


def test_in_the_drive_and_its_playback(run: RunFolder) -> None:
    record = DriveRecord.load(run.drive_path("fast", 0))
    assert record.curves["mine/top_speed"].tolist() == [10.0] * 41
    size_m = run.read_scenario(0).tracks.size_m
    header, arrays = unpack(encode_drive(record, run.declared_metrics(), size_m))
    row = header["curves"].index("mine/top_speed")
    assert arrays["curves"][row].tolist() == pytest.approx([10.0] * 41)


def test_in_the_report_with_label_direction_and_failure(run: RunFolder) -> None:
    data = data_of(write_report(run))
    place = [metric["key"] for metric in data["metrics"]].index("mine/top_speed")
    shown = data["metrics"][place]
    assert shown["title"] == "Top speed (m/s)" and shown["source"] == "my thesis, eq. 1"
    assert shown["higher_is_better"] is False
    assert data["failures"]["mine/top_speed"] == "Too fast"
    assert {"key": "mine/top_speed", "label": "Speed so far", "kind": "value", "unit": "m/s"} in (
        data["curves"]
    )
    assert [row["values"][place] for row in data["rows"]] == [5.0, 10.0]
    failed = ["mine/top_speed" in row["failed"] for row in data["rows"]]
    assert failed == [False, True]
    # B is fast: 5 m/s more, which is worse.
    pair = data["pairs"][0]["metrics"][place]
    assert pair["difference"][0] == 5.0 and pair["wins_losses_ties"] == [0, 1, 0]


def test_the_others_stay_as_they_are(run: RunFolder) -> None:
    rollout = drive([Car(0, 0, 0, 0, 10)])
    own, with_mine = evaluate(rollout), evaluate(rollout, FAMILIES_AND_MINE)
    assert list(with_mine) == [*own, "mine/top_speed"]
    assert all(torch.equal(own[key].value, with_mine[key].value) for key in own)


def test_without_a_declared_metric_a_report_says_what_is_missing(tmp_path: Path) -> None:
    folder = made_up.run(tmp_path, "a", kept=False)
    (folder.path / "declared_metrics.json").unlink()
    with pytest.raises(ValueError, match=r"declared_metrics.json is missing"):
        write_report(folder)
