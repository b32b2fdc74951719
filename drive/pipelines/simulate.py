"""The pipeline behind `bevdrive simulate`: scenarios in fixed batches, planners, metrics, a run folder.

A batch's result depends on the batch alone: the same for any number of workers, and after a resume.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from drive.pipelines.simulate_batch import drive_batch, film
from drive.pipelines.simulate_config import SimulateConfig, batch_size_of
from drive.pipelines.workers import work
from eval.runs.folder import RunFolder
from eval.runs.results import DriveScores, ErrorNote
from sim.benchmarks import TRAINING, read_benchmark
from sim.errors import InputError
from sim.remote import fetch
from sim.sources.query import ScenarioRef


@dataclass(frozen=True)
class Outcome:
    """Where the run is, its summary (skipped scenarios included), and what was raised."""

    folder: Path
    summary: dict[str, Any]
    errors: list[ErrorNote]


def simulate(config: SimulateConfig, folder: RunFolder, refs: list[ScenarioRef]) -> Outcome:
    """`drive_scenarios`, then `show_drives`; raises as these do."""
    outcome = drive_scenarios(config, folder, refs)
    show_drives(config, folder)
    return outcome


def drive_scenarios(config: SimulateConfig, folder: RunFolder, refs: list[ScenarioRef]) -> Outcome:
    """Drive what is not driven yet, or met an error; then write the tables.

    Raises InputError where the scenarios are not those that the run began with, or all of them were
    skipped; `BrokenRun` where a worker process died.
    """
    from eval.metrics.suite import FAMILIES, declared, own_families

    folder.hold_to([ref.name for ref in refs])
    size = batch_size_of(config, len(refs))
    batches = [refs[k : k + size] for k in range(0, len(refs), size)]
    todo = [k for k in range(len(batches)) if not folder.has_batch(k)]
    jobs = [(config, folder.path, k, batches[k]) for k in todo]
    seconds = [sum(ref.duration_s for ref in batches[k]) * len(config.planner) for k in todo]
    on_gpu = config.device != "cpu"
    alone = on_gpu and config.workers < 0 and config.cluster is None  # one process a GPU
    options = replace(config, workers=1) if alone else config
    work(drive_batch, jobs, options, "driving", seconds, "scenario-seconds", int(on_gpu))
    fetch(folder.path)  # what other machines drove
    results = folder.read_batches()
    if not results.drives and not results.errors:
        reasons = "; ".join(entry["reason"] for entry in results.skipped[:3])
        raise InputError(f"none of the {len(refs)} scenarios could be used: {reasons}")
    metrics = declared((*FAMILIES, *own_families(config.metric)))
    summary = folder.write_tables(results, metrics, _stated(config))
    return Outcome(folder.path, summary, results.errors)


def show_drives(config: SimulateConfig, folder: RunFolder) -> None:
    """Videos of a run that was driven, and its report; `BrokenRun` where a worker process died."""
    from eval.metrics.suite import RANKING
    from eval.report.run_report import write_report

    drives = folder.read_tables().drives
    number = {planner: k for k, planner in enumerate(dict.fromkeys(d.planner for d in drives))}
    worst = _worst(drives, RANKING.key, config.videos_per_planner)
    films = [(folder.path, drive, number[drive.planner]) for drive in worst]
    work(film, films, config, "filming")
    write_report(folder)


def _stated(config: SimulateConfig) -> dict[str, Any]:
    """What the run says of its traffic, of whom its planners knew, and of its benchmark; of a list without
    end there is nothing to say."""
    stated: dict[str, Any] = {"traffic": config.traffic, "perception": config.perception}
    if config.benchmark is not None and config.benchmark != TRAINING:
        stated["benchmark"] = read_benchmark(config.benchmark).stated()
    return stated


def _worst(drives: list[DriveScores], metric: str, per_planner: int) -> list[DriveScores]:
    """Those of each planner that have the lowest values of a metric."""
    chosen = []
    for planner in dict.fromkeys(drive.planner for drive in drives):
        own = [drive for drive in drives if drive.planner == planner]
        own.sort(key=lambda drive: (drive.metrics.get(metric, 0.0), drive.index))
        chosen += own[:per_planner]
    return chosen
