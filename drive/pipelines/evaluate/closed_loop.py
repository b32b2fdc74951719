"""Closed loop on a nuScenes split: `simulate` under replayed and under reactive traffic."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from drive.pipelines.evaluate.config import EvaluateConfig, Scores
from drive.pipelines.presets import to_plain
from drive.pipelines.simulate_config import SimulateConfig, check
from drive.pipelines.workers import WORK_FIELDS
from sim.sources.query import ScenarioRef

if TYPE_CHECKING:
    from drive.pipelines.simulate import Outcome
    from eval.nuscenes.dataset import Split
    from eval.report.table import Table

TITLES = {"log": "Closed loop, log replay", "idm": "Closed loop, reactive traffic"}


def prepare(config: EvaluateConfig, split: "Split") -> Callable[[Path], Scores]:
    """What drives the split; raises InputError for unknown planners, and scenes that are no use."""
    from drive.pipelines.scenarios import find_scenarios, require_usable

    where = {name: getattr(config, name) for name in WORK_FIELDS}
    base = SimulateConfig(**vars(config.query), planner=config.planner, **where)
    check(base)
    refs = find_scenarios(config.query)
    require_usable(refs)

    def work(folder: Path) -> Scores:
        tables, failed = {}, 0
        for traffic, title in TITLES.items():
            outcome = _drive(replace(base, traffic=traffic), folder, refs)
            tables[traffic] = _table(outcome, f"{title}, {split.name}")
            failed += sum(len(note.scenarios) for note in outcome.errors)
        return Scores(tables, failed)

    return work


def _drive(config: SimulateConfig, folder: Path, refs: list[ScenarioRef]) -> "Outcome":
    """Every scene with every planner; the run's own folder is called by the traffic."""
    from drive.pipelines.simulate import simulate
    from eval.runs.folder import RunFolder

    run = RunFolder.create(folder, config.traffic, to_plain(config))
    (folder / "latest").unlink()  # a part of this run, not a run of its own
    return simulate(config, run, refs)


def _table(outcome: "Outcome", title: str) -> "Table":
    from eval.report.error_lines import error_lines
    from eval.report.score_table import score_columns
    from eval.report.table import Table
    from eval.runs.folder import RunFolder

    note, where = "means over the scenes where a metric has a value", outcome.folder.name
    if skipped := outcome.summary["skipped"]:
        note += f"; {len(skipped)} scenes could not be used, see {where}/report.html"
    if outcome.errors:
        names = sorted({line.planner for line in error_lines(outcome.errors)})
        note += f"; errors: {', '.join(names)}, see {where}/report.html"
    if privileged := outcome.summary.get("privileged"):
        note += f"; shown what only the simulator knows: {', '.join(privileged)}"
    columns = score_columns(outcome.summary, RunFolder(outcome.folder).declared_metrics())
    return Table(title, note, columns, tuple((planner, "score") for planner in columns))
