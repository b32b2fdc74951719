"""What a worker process does: drive one chunk of scenarios with every planner; film one drive."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from drive.config import SimulateConfig
from eval.report.run_folder import Chunk, Row, RunFolder
from sim.sources import Request, load

if TYPE_CHECKING:
    from sim.scenario import Scenario
    from sim.simulator import Simulator

    Loaded = list[tuple[Request, Scenario]]


def run_chunk(config: SimulateConfig, folder: Path, number: int, requests: list[Request]) -> None:
    """Load, drive with every planner, score, store."""
    import torch

    from drive.planning import make_planner
    from eval.metrics.suite import evaluate
    from eval.report.recording import Recording
    from eval.report.tracer import Tracer
    from eval.rollout import rollout

    torch.set_num_threads(1)  # the same bytes for any number of workers
    run = RunFolder(folder)
    loaded, skipped = load(requests)
    rows: list[Row] = []
    for request, scenario in loaded:
        run.write_scenario(request.index, scenario)
    for members, simulator in _simulators(loaded, config.traffic):
        for planner in config.planner:
            tracer = Tracer()
            driven = rollout(simulator, make_planner(planner), watch=tracer)
            results = evaluate(driven)
            for w, (request, scenario) in enumerate(members):
                metrics = {k: float(r.value[w]) for k, r in results.items() if r.valid[w]}
                name, family = scenario.scenario_id, scenario.family
                rows.append(Row(name, family, planner, request.index, metrics))
                recording = Recording.of(driven, results, tracer, w)
                recording.save(run.recording_path(planner, request.index))
    run.write_chunk(number, Chunk(rows, skipped))


def run_video(folder: Path, row: Row) -> None:
    """Film one recorded drive."""
    from eval.report.recording import Recording
    from eval.report.video import video_name, write_video

    run = RunFolder(folder)
    scenario = run.read_scenario(row.index)
    recording = Recording.load(run.recording_path(row.planner, row.index))
    title = f"{row.planner}: {row.scenario_id}"
    write_video(folder / "videos" / video_name(row), scenario, recording, title, every=2)


def _simulators(loaded: "Loaded", traffic: str) -> Iterator[tuple["Loaded", "Simulator"]]:
    """Batches of worlds with the same time step."""
    from sim.simulator import Simulator

    for dt_s in sorted({scenario.dt_s for _, scenario in loaded}):
        members = [member for member in loaded if member[1].dt_s == dt_s]
        yield members, Simulator.from_scenarios([s for _, s in members], traffic)
