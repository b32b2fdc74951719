"""What a worker process does: drive one chunk of scenarios with every planner; film one drive."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from eval.runs.results import DriveScores, Results, values_of

from drive.config import SimulateConfig
from eval.runs.folder import RunFolder
from sim.sources import Request, load

if TYPE_CHECKING:
    from sim.scenario import Scenario
    from sim.simulator import Simulator

    Loaded = list[tuple[Request, Scenario]]


def run_chunk(config: SimulateConfig, folder: Path, number: int, requests: list[Request]) -> None:
    """Load, drive with every planner, score, store."""
    import torch

    from drive.planning import make_planner
    from eval.metrics.suite import declared, evaluate
    from eval.rollout import rollout
    from eval.runs.drive_record import DriveRecord
    from eval.runs.tracer import Tracer

    torch.set_num_threads(1)  # the same bytes for any number of workers
    run = RunFolder(folder)
    loaded, skipped = load(requests)
    drives: list[DriveScores] = []
    for request, scenario in loaded:
        run.write_scenario(request.index, scenario)
    for members, simulator in _simulators(loaded, config.traffic):
        for planner in config.planner:
            tracer = Tracer()
            driven = rollout(simulator, make_planner(planner), watch=tracer)
            results = evaluate(driven)
            for w, (request, scenario) in enumerate(members):
                name, family, metrics = scenario.scenario_id, scenario.family, values_of(results, w)
                drives.append(DriveScores(name, family, planner, request.index, metrics))
                record = DriveRecord.of(driven, results, declared(), tracer, w)
                record.save(run.drive_path(planner, request.index))
    run.write_batch(number, Results(drives, skipped))


def run_video(folder: Path, drive: DriveScores) -> None:
    """Film one drive."""
    from eval.report.video import video_name, write_video
    from eval.runs.drive_record import DriveRecord

    run = RunFolder(folder)
    scenario = run.read_scenario(drive.index)
    record = DriveRecord.load(run.drive_path(drive.planner, drive.index))
    title = f"{drive.planner}: {drive.scenario_id}"
    write_video(folder / "videos" / video_name(drive), scenario, record, title, every=2)


def _simulators(loaded: "Loaded", traffic: str) -> Iterator[tuple["Loaded", "Simulator"]]:
    """Batches of worlds with the same time step."""
    from sim.simulator import Simulator

    for dt_s in sorted({scenario.dt_s for _, scenario in loaded}):
        members = [member for member in loaded if member[1].dt_s == dt_s]
        yield members, Simulator.from_scenarios([s for _, s in members], traffic)
