"""What a worker process does: drive one chunk of scenarios with every planner; film one drive."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from drive.config import SimulateConfig
from eval.report.run_folder import Chunk, Row, RunFolder
from sim.sources import Request, load

if TYPE_CHECKING:
    from eval.rollout import Rollout
    from sim.scenario import Scenario
    from sim.world import World

    Loaded = list[tuple[Request, Scenario]]


def run_chunk(config: SimulateConfig, folder: Path, number: int, requests: list[Request]) -> None:
    """Load, drive with every planner, score, store."""
    import torch

    from drive.planning import EXACT_TRACKING, make_planner
    from eval.metrics.suite import evaluate
    from eval.rollout import rollout

    torch.set_num_threads(1)  # the same bytes for any number of workers
    loaded, skipped = load(requests)
    rows: list[Row] = []
    for members, world in _worlds(loaded, config.traffic):
        for planner in config.planner:
            world.exact_tracking = planner in EXACT_TRACKING
            driven = rollout(world, make_planner(planner, world))
            results = evaluate(driven)
            for w, (request, scenario) in enumerate(members):
                metrics = {k: float(r.value[w]) for k, r in results.items() if r.valid[w]}
                name, family = scenario.scenario_id, scenario.family
                rows.append(Row(name, family, planner, request.index, metrics))
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


def _worlds(loaded: "Loaded", traffic: str) -> Iterator[tuple["Loaded", "World"]]:
    """Batches of worlds with the same time step."""
    from sim.traffic import make_traffic
    from sim.world import World

    for dt_s in sorted({scenario.dt_s for _, scenario in loaded}):
        members = [member for member in loaded if member[1].dt_s == dt_s]
        yield members, World.from_scenarios([s for _, s in members], make_traffic(traffic))


def _save_recording(folder: Path, planner: str, index: int, driven: "Rollout", world: int) -> None:
    import numpy as np

    from eval.report.video import Recording

    path = _recording_path(folder, planner, index)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}")
    with part.open("wb") as file:
        np.savez_compressed(file, **vars(Recording.from_rollout(driven, world)))
    part.replace(path)


def _recording_path(folder: Path, planner: str, index: int) -> Path:
    return folder / "recordings" / planner / f"{index:06d}.npz"
