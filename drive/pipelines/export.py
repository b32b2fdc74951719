"""The pipeline behind `bevdrive export nuscenes`: scenarios in worker processes, then one dataset."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from drive.pipelines.run_drives import DriveRef
from drive.pipelines.scenarios import find_scenarios
from drive.pipelines.workers import WorkOptions, work
from sim.errors import InputError
from sim.export.nuscenes import ExportFolder, ExportSettings, assemble, scene_name, write_scene
from sim.export.nuscenes.placing import bounds_m, place
from sim.export.nuscenes.scene import make_frames
from sim.scenario import Scenario
from sim.sources.loading import load_one
from sim.sources.procedural.source import draft_of
from sim.sources.query import ScenarioRef, SourceQuery

_GENERATED = "procedural"


@dataclass(frozen=True)
class Job:
    """Scene number `number` of the dataset, and where it comes from."""

    number: int
    origin: ScenarioRef | DriveRef


def find_origins(query: SourceQuery, train: int, val: int) -> list[ScenarioRef]:
    """Generated: `train` scenarios of the generator's split train, then `val` of val; else all."""
    if query.source != _GENERATED or query.scenario:
        return find_scenarios(query)
    if query.exclude:
        raise InputError(
            "--exclude: only for recorded scenarios; name generated ones by --scenario"
        )
    refs = []
    for split, count in (("train", train), ("val", val)):
        if count:
            refs += find_scenarios(replace(query, split=split, count=count))
    return refs


def make_jobs(origins: Sequence[ScenarioRef | DriveRef], count: int, where: str) -> list[Job]:
    """A scene of each of the first `count`; InputError naming `where` if there are fewer."""
    if len(origins) < count:
        raise InputError(f"{where}: {len(origins)} scenarios for {count} scenes (--train, --val)")
    return [Job(number, origin) for number, origin in enumerate(origins[:count])]


def require_room(jobs: list[Job], sweeps: bool) -> None:
    """Raise InputError, before any long work, where a scenario cannot be exported or finds no place.

    Recorded scenarios are read, of generated ones the map is made.
    """
    bounds = []
    for job in jobs:
        origin = job.origin
        if isinstance(origin, ScenarioRef) and origin.source == _GENERATED:
            scenario = draft_of(origin).scenario
        else:
            scenario = _load(job)
        make_frames(scenario, job.number, sweeps)
        bounds.append(bounds_m(scenario))
    place(bounds)


def is_finished(out: Path, settings: ExportSettings, source: dict[str, Any]) -> bool:
    """Whether this very export is in the folder, whole."""
    return ExportFolder(out).is_finished(settings.version, settings.to_plain() | {"source": source})


def export(
    out: Path,
    settings: ExportSettings,
    jobs: list[Job],
    source: dict[str, Any],
    options: WorkOptions,
) -> None:
    """Write what is not written yet, then the tables.

    `source` says where the scenarios come from; it is part of what a resumed export must agree with.
    Raises InputError for a folder that holds something else, `BrokenRun` where a worker died.
    """
    folder = ExportFolder.open(out, settings.to_plain() | {"source": source})
    todo = [job for job in jobs if not folder.has_part(scene_name(job.number))]
    work(_write, [(out, settings, job) for job in todo], options, "exporting", unit="scenes")
    assemble(folder, settings, [scene_name(job.number) for job in jobs])


def _write(out: Path, settings: ExportSettings, job: Job) -> None:
    import torch

    torch.set_num_threads(1)  # the same bytes for any number of workers
    write_scene(ExportFolder(out), settings, job.number, _load(job))


def _load(job: Job) -> Scenario:
    return job.origin.load() if isinstance(job.origin, DriveRef) else load_one(job.origin)
