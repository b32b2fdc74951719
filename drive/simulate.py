"""The pipeline behind `bevdrive simulate`: scenarios in fixed chunks, planners, metrics, a run folder.

A chunk's result depends on the chunk alone: the same for any number of workers, and after a resume.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.runs.results import DriveScores

from drive.chunk import run_chunk, run_video
from drive.config import SimulateConfig
from drive.pool import work
from eval.runs.folder import RunFolder
from sim.sources import Request, find_files, load

GENERATED_COUNT = 32  # where no count is given


@dataclass(frozen=True)
class Outcome:
    """Where the run is, and its summary (skipped scenarios included)."""

    folder: Path
    summary: dict[str, Any]


def make_requests(config: SimulateConfig) -> list[Request]:
    """What to load, in a fixed order; raises ValueError where there is nothing."""
    if config.source == "nuscenes":
        return _nuscenes_requests(config)
    if config.source != "procedural":
        if config.path is None:
            raise ValueError(f"--path: source {config.source} needs a file or a folder")
        files = find_files(config.source, config.path)[: config.count]
        alone = files == [config.path]  # a file, or the folder of one log
        root = config.path.parent if alone else config.path
        return [
            Request(k, config.source, str(file.relative_to(root)), path=file)
            for k, file in enumerate(files)
        ]
    from sim.sources.procedural import FAMILIES

    families = config.families or FAMILIES
    return [
        Request(k, "procedural", f"{families[k % len(families)]}-{k}", None, families,
                config.split, config.seed, config.duration_s)
        for k in range(config.count or GENERATED_COUNT)
    ]  # fmt: skip


def _nuscenes_requests(config: SimulateConfig) -> list[Request]:
    """The scenes of a split; those that the cache lacks are converted here."""
    from tqdm import tqdm

    from sim.sources.nuscenes import Dataset, convert, find_scenes

    if config.dataroot is None:
        raise ValueError("--dataroot: source nuscenes needs the folder of the dataset")
    dataset = Dataset(config.dataroot, config.version)
    scenes = find_scenes(dataset, config.split, config.cache)[: config.count]
    missing = [scene for scene in scenes if not scene.is_converted]
    for _ in tqdm(convert(dataset, missing), "converting", len(missing), disable=not missing):
        pass
    return [Request(k, "nuscenes", scene.name, scene.path) for k, scene in enumerate(scenes)]


def require_usable(requests: list[Request]) -> None:
    """Raise ValueError, naming the reasons, where no recorded scenario at all can be read."""
    reasons: list[str] = []
    for request in requests:
        if request.path is None:
            return
        loaded, skipped = load([request])
        if loaded:
            return
        reasons += [entry["reason"] for entry in skipped]
    listed = "; ".join(reasons[:3])
    raise ValueError(f"0 of {len(requests)} scenarios can be used: {listed}")


def simulate(config: SimulateConfig, folder: RunFolder, requests: list[Request]) -> Outcome:
    """Run what is not done yet, then write tables, videos and the report.

    Raises ValueError where the scenarios are not those that the run began with, or none could be
    used; `BrokenRun` where a worker process died.
    """
    from eval.metrics.suite import RANKING, declared
    from eval.report.run_report import write_report

    folder.hold_to([request.name for request in requests])
    size = config.batch_size
    chunks = [requests[k : k + size] for k in range(0, len(requests), size)]
    todo = [k for k in range(len(chunks)) if not folder.has_batch(k)]
    work(run_chunk, [(config, folder.path, k, chunks[k]) for k in todo], config.workers, "driving")
    result = folder.read_batches()
    if not result.drives:
        reasons = "; ".join(entry["reason"] for entry in result.skipped[:3])
        raise ValueError(f"none of the {len(requests)} scenarios could be used: {reasons}")
    summary = folder.write_tables(result, declared())
    worst = _worst(result.drives, RANKING.key, config.videos)
    films = [(folder.path, drive) for drive in worst]
    work(run_video, films, config.workers, "filming")
    write_report(folder)
    return Outcome(folder.path, summary)


def _worst(drives: list[DriveScores], metric: str, per_planner: int) -> list[DriveScores]:
    """Those of each planner that have the lowest values of a metric."""
    chosen = []
    for planner in dict.fromkeys(drive.planner for drive in drives):
        own = [drive for drive in drives if drive.planner == planner]
        own.sort(key=lambda drive: (drive.metrics.get(metric, 0.0), drive.index))
        chosen += own[:per_planner]
    return chosen
