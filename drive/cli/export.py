"""`bevdrive export nuscenes`."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from drive.cli.groups import COMPUTING, SCENARIO
from drive.cli.interruption import stopped
from drive.cli.options import Form
from drive.cli.words import task_form
from drive.pipelines.workers import WorkOptions
from sim.errors import InputError
from sim.remote import url_of
from sim.sources.query import SOURCES, SourceQuery

_RUN = "run"
_FORMER = "nuscenes"  # a source that is a nuScenes dataset already
_ORIGIN = ("source", "path", "families", "scenario", "exclude", "seed", "duration_s")


@dataclass(frozen=True)
class ExportOptions(WorkOptions, SourceQuery):
    """Write scenarios as a complete nuScenes dataset, which the unchanged devkit loads.

    Examples:
      bevdrive export nuscenes --out data/sim --version v1.0-sim --train 80 --val 20
      bevdrive export nuscenes --out data/sim --families roundabout,merge --train 8 --val 2 --sweeps
      bevdrive export nuscenes --source saved --path data/mini --train 4 --val 1 --out data/mini_nusc
      bevdrive export nuscenes --source run --path runs/latest --planner pdm --train 24 --val 8 \\
          --out data/driven

    The splits are called sim_train and sim_val. An export that was cut off goes on when the same
    command is given again. Exit codes: 0 all well; 1 a worker died; 2 wrong input; 130 interrupted.
    """

    source: str = "procedural"
    """procedural (generated), scenarionet or argoverse2 (recorded), saved (by `bevdrive save`), run
    (driven by `bevdrive simulate`), or a class of your own"""
    path: Path | None = None
    """sources scenarionet and saved: a file, or a folder of them; argoverse2: a log, or a folder of
    logs; run: the run folder"""
    version: str = "v1.0-sim"
    """name of the version that is written, and of the folder of its tables"""
    duration_s: float = 20.0
    """length of a generated scenario; a recorded one keeps its own"""
    seed: int = 0
    """seed of the generator, of the noise and of the tokens"""
    out: Path = field(kw_only=True)
    """the folder to write to: a new one, or one in which the same export was cut off"""
    train: int = 80
    """scenes in split sim_train"""
    val: int = 20
    """scenes in split sim_val"""
    sweeps: bool = False
    """lidar at 10 Hz between the key frames as well, at five times the disk space"""
    noise: bool = False
    """range noise, lost and stray returns; not given: exact returns"""
    planner: str | None = None
    """source run: whose drives; needed where the run has several planners"""


def forms() -> dict[str, Form]:
    """By format."""
    groups = {
        "output": ("out", "version", "train", "val", "sweeps", "noise"),
        "scenario": (*SCENARIO, "planner"),
        "computing": COMPUTING,
    }
    hidden = (
        "dataroot",
        "cache",
        "split",
        "count",
        "benchmark",
    )  # said by --train and --val, or refused
    return {"nuscenes": Form(ExportOptions, "bevdrive export nuscenes", groups, hidden=hidden)}


def parse(arguments: list[str]) -> ExportOptions:
    """What is to be written, not checked yet."""
    return task_form(arguments, forms(), "format", "bevdrive export").parse(arguments[1:])


def run(arguments: list[str]) -> int:
    """Check everything that can be checked, then write; returns the exit code."""
    options = parse(arguments)
    _check(options)
    from drive.pipelines.export import export, find_origins, is_finished, make_jobs, require_room
    from drive.pipelines.jobs import BrokenRun
    from drive.pipelines.run_drives import find_drives
    from sim.export.nuscenes import ExportSettings

    if (url := url_of(options.out)) is not None:
        raise InputError(f"--out {url}: datasets are written to folders of this machine alone")
    splits = {"sim_train": options.train, "sim_val": options.val}
    settings = ExportSettings(options.version, splits, options.sweeps, options.noise, options.seed)
    if options.source == _RUN and options.path is not None:
        origins = find_drives(options.path, options.planner, options.scenario, options.exclude)
    else:
        query = replace(options, version=ExportOptions.version)  # it names what is written
        origins = find_origins(query, options.train, options.val)
    jobs = make_jobs(origins, settings.num_scenes, str(options.path or options.source))
    require_room(jobs, options.sweeps)
    source = {name: str(getattr(options, name)) for name in (*_ORIGIN, "planner")}
    began = time.perf_counter()
    if is_finished(options.out, settings, source):
        print(f"{options.out}: finished already")
        return 0
    try:
        export(options.out, settings, jobs, source, options)
    except (KeyboardInterrupt, BrokenRun, OSError) as stop:
        return stopped(stop, "to go on, give the same command again")
    seconds = time.perf_counter() - began
    size = sum(f.stat().st_size for f in options.out.rglob("*") if f.is_file())
    print(f"{len(jobs)} scenes in {seconds:.1f} s, {size / 1e6:.0f} MB: {options.out}")
    return 0


def _check(options: ExportOptions) -> None:
    """Raise InputError for what only this verb can know to be wrong."""
    if options.source == _FORMER:
        choices = ", ".join([name for name in SOURCES.builtin if name != _FORMER] + [_RUN])
        raise InputError(f"--source {_FORMER}: is such a dataset already (choices: {choices})")
    if options.planner is not None and options.source != _RUN:
        raise InputError(f"--planner: only for --source {_RUN}")
    if options.source == _RUN and options.path is None:
        raise InputError(f"--path: source {_RUN} needs a run folder")
    options.check_work()
    for name, least in (("train", 0), ("val", 0)):
        if getattr(options, name) < least:
            raise InputError(f"--{name}: must be at least {least}, not {getattr(options, name)}")
