"""Closed loop on a nuScenes split: `simulate` under replayed and under reactive traffic."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from drive.config import SimulateConfig, check_choices, to_plain

if TYPE_CHECKING:
    from drive.evaluate import EvaluateConfig
    from eval.report.table import Table
    from sim.sources import Request

TRAFFIC = {"log": "Closed loop, log replay", "idm": "Closed loop, reactive traffic"}


def make_config(config: "EvaluateConfig") -> SimulateConfig:
    """What `simulate` is asked for; raises ValueError for an unknown planner."""
    asked = SimulateConfig(
        source="nuscenes", dataroot=config.dataroot, version=config.version, split=config.split,
        planner=config.planner, cache=config.cache, workers=config.workers,
    )  # fmt: skip
    check_choices(asked)
    return asked


def drive_split(
    base: SimulateConfig, traffic: str, folder: Path, requests: list["Request"], title: str
) -> "Table":
    """Drive every scene with every planner; the run's own folder is `folder / traffic`."""
    from drive.simulate import simulate
    from eval.report.score_table import score_columns
    from eval.report.table import Table
    from eval.runs.folder import RunFolder

    config = replace(base, traffic=traffic)
    run = RunFolder.create(folder, traffic, to_plain(config))
    (folder / "latest").unlink()  # a part of this run, not a run of its own
    summary = simulate(config, run, requests).summary
    note = "means over the scenes where a metric has a value"
    if summary["skipped"]:
        note += f"; {len(summary['skipped'])} scenes could not be used, see {traffic}/report.html"
    columns = score_columns(summary, run.declared_metrics())
    return Table(title, note, columns, tuple((planner, "score") for planner in columns))
