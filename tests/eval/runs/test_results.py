"""Means of a run, and which values count."""

import math

import torch

from eval.metrics.family import MetricResult
from eval.runs.results import DriveScores, Results, compact, summarize, values_of


def test_means_leave_out_what_has_no_value() -> None:
    drives = [
        DriveScores("a", "f", "p", 0, {"x": 1.0, "y": 0.5}),
        DriveScores("b", "f", "p", 1, {"x": 0.0}),
        DriveScores("c", "g", "p", 2, {"x": 0.5, "y": 0.0}),
    ]
    summary = summarize(Results(drives, []))["planners"]["p"]
    assert summary["mean"] == {"x": 0.5, "y": 0.25}  # (1 + 0 + 0.5) / 3 and (0.5 + 0) / 2
    assert summary["per_family"]["f"] == {"x": 0.5, "y": 0.5}
    assert summary["scenarios"] == 3


def test_a_value_counts_where_it_is_valid_and_finite() -> None:
    course = torch.zeros(3, 2)
    results = {
        "a/x": MetricResult(
            torch.tensor((0.25, 2.0, 3.0)), torch.tensor((True, False, True)), course
        ),
        "a/y": MetricResult(torch.tensor((math.inf, 1.0, math.nan)), torch.ones(3).bool(), course),
    }
    assert [values_of(results, world) for world in range(3)] == [
        {"a/x": 0.25}, {"a/y": 1.0}, {"a/x": 3.0},
    ]  # fmt: skip


def test_a_compact_drive_holds_what_the_drive_held() -> None:
    place: dict[str, int] = {}
    drives = [
        DriveScores("a", "f", "p", 0, {"x": 1.0, "y": 0.5}, ["stationary"]),
        DriveScores("b", "f", "p", 1, {"y": 0.25, "z": -2.0}),
        DriveScores("c", "g", "p", 2, {}),
    ]
    small = [compact(drive, place) for drive in drives]
    assert [dict(one.metrics) for one in small] == [dict(one.metrics) for one in drives]
    assert [len(one.metrics) for one in small] == [2, 2, 0]
    assert small[0].metrics.get("z") is None and "x" not in small[1].metrics  # "z" came later
    assert small[0] == drives[0] and small[0].tags == ["stationary"]
    assert summarize(Results(small, [])) == summarize(Results(drives, []))
