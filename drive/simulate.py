"""The pipeline behind `bevdrive simulate`: scenarios in fixed chunks, planners, metrics, a run folder.

A chunk's result depends on the chunk alone: the same for any number of workers, and after a resume.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from drive.config import SimulateConfig
from eval.report.run_folder import Chunk, Row, RunFolder
from sim.sources import Request, load


@dataclass(frozen=True)
class Outcome:
    """Where the run is, its summary, and how many scenarios could not be used."""

    folder: Path
    summary: dict[str, Any]
    num_skipped: int


def simulate(config: SimulateConfig, folder: RunFolder, requests: list[Request]) -> Outcome:
    """Run what is not done yet, then write tables, videos and the report."""
    size = config.batch_size
    chunks = [requests[k : k + size] for k in range(0, len(requests), size)]
    todo = [k for k in range(len(chunks)) if not folder.has_chunk(k)]
    jobs = [(run_chunk, (config, folder.path, k, chunks[k])) for k in todo]
    _work(jobs, config.workers, "simulating")
    result = folder.read_chunks()
    if not result.rows:
        reasons = "; ".join(s["reason"] for s in result.skipped[:3])
        raise ValueError(f"none of the {len(requests)} scenarios could be used: {reasons}")
    summary = folder.write_tables(result)
    worst = _worst(result.rows, config.videos)
    films = [(run_video, (folder.path, row, requests[row.index])) for row in worst]
    _work(films, config.workers, "filming")
    _write_report(folder, summary, result)
    return Outcome(folder.path, summary, len(result.skipped))


def run_chunk(config: SimulateConfig, folder: Path, number: int, requests: list[Request]) -> None:
    """Load, drive with every planner, score, store."""
    import torch

    from drive.planning import EXACT_TRACKING, make_planner
    from eval.metrics.suite import evaluate
    from eval.rollout import rollout
    from sim.traffic import make_traffic
    from sim.world import World

    torch.set_num_threads(1)  # the same bytes for any number of workers
    loaded, skipped = load(requests)
    rows: list[Row] = []
    if loaded:
        scenarios = [scenario for _, scenario in loaded]
        world = World.from_scenarios(scenarios, make_traffic(config.traffic))
        for planner in config.planner:
            world.exact_tracking = planner in EXACT_TRACKING
            driven = rollout(world, make_planner(planner, world))
            results = evaluate(driven)
            for w, (request, scenario) in enumerate(loaded):
                metrics = {
                    name: float(result.value[w])
                    for name, result in results.items()
                    if result.valid[w]
                }
                rows.append(
                    Row(scenario.scenario_id, scenario.family, planner, request.index, metrics)
                )
                _save_recording(folder, planner, request.index, driven, w)
    RunFolder(folder).write_chunk(number, Chunk(rows, skipped))


def run_video(folder: Path, row: Row, request: Request) -> None:
    """Film one recorded drive; the scenario is made or read again."""
    import numpy as np

    from eval.report.html import video_name
    from eval.report.video import Recording, write_video

    loaded, _ = load([request])
    with np.load(_recording_path(folder, row.planner, row.index)) as data:
        recording = Recording(data["pose"], data["valid"], data["plan"], float(data["dt_s"]))
    title = f"{row.planner}: {row.scenario_id}"
    write_video(folder / "videos" / video_name(row), loaded[0][1], recording, title, every=2)


def _save_recording(folder: Path, planner: str, index: int, driven: Any, world: int) -> None:
    import numpy as np

    from eval.report.video import Recording

    recording = Recording.from_rollout(driven, world)
    path = _recording_path(folder, planner, index)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}")
    with part.open("wb") as file:
        np.savez_compressed(
            file,
            pose=recording.pose,
            valid=recording.valid,
            plan=recording.plan,
            dt_s=recording.dt_s,
        )
    part.replace(path)


def _recording_path(folder: Path, planner: str, index: int) -> Path:
    return folder / "recordings" / planner / f"{index:06d}.npz"


def _work(jobs: list[tuple[Callable[..., None], tuple]], workers: int, what: str) -> None:
    """Do the jobs, in this process or in a pool, with a progress bar."""
    from tqdm import tqdm

    for _ in tqdm(_results(jobs, workers), total=len(jobs), desc=what, disable=not jobs):
        pass


def _results(jobs: list[tuple[Callable[..., None], tuple]], workers: int) -> Iterator[None]:
    if workers == 0 or len(jobs) <= 1:
        for function, arguments in jobs:
            yield function(*arguments)
        return
    count = min(len(jobs), os.cpu_count() or 1 if workers < 0 else workers)
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(f, *arguments) for f, arguments in jobs]):
            yield done.result()


def _worst(rows: list[Row], per_planner: int) -> list[Row]:
    """The lowest scores of each planner."""
    chosen = []
    for planner in dict.fromkeys(row.planner for row in rows):
        own = [row for row in rows if row.planner == planner]
        own.sort(key=lambda row: (row.metrics.get("nuplan/score", 0.0), row.index))
        chosen += own[:per_planner]
    return chosen


def _write_report(folder: RunFolder, summary: dict[str, Any], result: Chunk) -> None:
    from eval.report.html import write_report

    config = (folder.path / "config.yaml").read_text()
    write_report(folder.path / "report.html", folder.path.name, summary, result, config)
