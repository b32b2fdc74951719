"""The pipeline behind `bevdrive simulate`: scenarios in fixed chunks, planners, metrics, a run folder.

A chunk's result depends on the chunk alone: the same for any number of workers, and after a resume.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drive.pipelines.simulate_chunk import drive_chunk, film
from drive.pipelines.simulate_config import SimulateConfig
from drive.pipelines.workers import work
from eval.report.run_folder import Failure, Row, RunFolder
from sim.errors import InputError
from sim.sources.query import ScenarioRef


@dataclass(frozen=True)
class Outcome:
    """Where the run is, its summary (skipped scenarios included), and what failed."""

    folder: Path
    summary: dict[str, Any]
    failed: list[Failure]


def simulate(config: SimulateConfig, folder: RunFolder, refs: list[ScenarioRef]) -> Outcome:
    """Run what is not done yet, or has failed; then write tables, videos and the report.

    Raises InputError where the scenarios are not those that the run began with, or all of them were
    skipped; `BrokenRun` where a worker process died.
    """
    from eval.report.run_report import write_report

    folder.hold_to([ref.name for ref in refs])
    chunks = [refs[k : k + config.batch_size] for k in range(0, len(refs), config.batch_size)]
    todo = [k for k in range(len(chunks)) if not folder.has_chunk(k)]
    jobs = [(config, folder.path, k, chunks[k]) for k in todo]
    seconds = [sum(ref.duration_s for ref in chunks[k]) * len(config.planner) for k in todo]
    workers = 1 if config.workers < 0 and config.device != "cpu" else config.workers
    work(drive_chunk, jobs, workers, "driving", seconds, "scenario-seconds")
    result = folder.read_chunks()
    if not result.rows and not result.failed:
        reasons = "; ".join(entry["reason"] for entry in result.skipped[:3])
        raise InputError(f"none of the {len(refs)} scenarios could be used: {reasons}")
    summary = folder.write_tables(result)
    films = [(folder.path, row) for row in _worst(result.rows, config.videos)]
    work(film, films, config.workers, "filming")
    write_report(folder)
    return Outcome(folder.path, summary, result.failed)


def _worst(rows: list[Row], per_planner: int) -> list[Row]:
    """The lowest scores of each planner."""
    chosen = []
    for planner in dict.fromkeys(row.planner for row in rows):
        own = [row for row in rows if row.planner == planner]
        own.sort(key=lambda row: (row.metrics.get("nuplan/score", 0.0), row.index))
        chosen += own[:per_planner]
    return chosen
