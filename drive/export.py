"""The pipeline behind `bevdrive export nuscenes`: scenarios in worker processes, then one dataset."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from drive.config import SimulateConfig
from drive.driven import DriveRef
from drive.pool import work
from drive.simulate import make_requests
from sim.export.nuscenes import ExportFolder, ExportSettings, assemble, scene_name, write_scene
from sim.export.nuscenes.placing import bounds_m, place
from sim.export.nuscenes.scene import make_frames
from sim.scenario import Scenario
from sim.sources import Request, load
from sim.sources.procedural import numbered_draft


@dataclass(frozen=True)
class Job:
    """Scene number `number` of the dataset, and where it comes from."""

    number: int
    origin: Request | DriveRef


def find_requests(config: SimulateConfig, train: int, val: int) -> list[Request]:
    """Generated: `train` scenarios of the generator's split train, then `val` of val; else all files."""
    if config.source != "procedural":
        return make_requests(config)
    requests = []
    for split, count in (("train", train), ("val", val)):
        if count:
            requests += make_requests(replace(config, split=split, count=count))
    return requests


def make_jobs(origins: Sequence[Request | DriveRef], count: int, where: str) -> list[Job]:
    """A scene of each of the first `count`; ValueError naming `where` if there are fewer."""
    if len(origins) < count:
        raise ValueError(f"{where}: {len(origins)} scenarios for {count} scenes (--train, --val)")
    return [Job(number, origin) for number, origin in enumerate(origins[:count])]


def require_room(jobs: list[Job], sweeps: bool) -> None:
    """Raise ValueError, before any long work, where a scenario cannot be exported or finds no place.

    Recorded scenarios are read, of generated ones the map is made.
    """
    bounds = []
    for job in jobs:
        origin = job.origin
        if isinstance(origin, Request) and origin.source == "procedural":
            scenario = numbered_draft(
                list(origin.families), origin.split, origin.seed, origin.index, origin.duration_s
            )
        else:
            scenario = _load(job)
        make_frames(scenario, job.number, sweeps)
        bounds.append(bounds_m(scenario))
    place(bounds)


def export(
    out: Path, settings: ExportSettings, jobs: list[Job], source: dict[str, Any], workers: int
) -> None:
    """Write what is not written yet, then the tables.

    `source` says where the scenarios come from; it is part of what a resumed export must agree with.
    Raises ValueError for a folder that holds something else, `BrokenRun` where a worker died.
    """
    folder = ExportFolder.open(out, settings.to_plain() | {"source": source})
    todo = [job for job in jobs if not folder.has_part(scene_name(job.number))]
    work(_write, [(out, settings, job) for job in todo], workers, "exporting")
    assemble(folder, settings, [scene_name(job.number) for job in jobs])


def _write(out: Path, settings: ExportSettings, job: Job) -> None:
    import torch

    torch.set_num_threads(1)  # the same bytes for any number of workers
    write_scene(ExportFolder(out), settings, job.number, _load(job))


def _load(job: Job) -> Scenario:
    if isinstance(job.origin, DriveRef):
        return job.origin.load()
    loaded, skipped = load([job.origin])
    if skipped:
        raise ValueError(skipped[0]["reason"])
    return loaded[0][1]
