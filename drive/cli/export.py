"""`bevdrive export nuscenes`."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tyro

from drive.cli.simulate import split_commas
from drive.config import SimulateConfig, check_choices
from sim.errors import one_of

_RUN = "run"
_SOURCES = ("procedural", "scenarionet", "argoverse2", "saved", _RUN)


@dataclass(frozen=True)
class ExportConfig:
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

    out: Path
    """the folder to write to: a new one, or one in which the same export was cut off"""
    version: str = "v1.0-sim"
    """name of the version, and of the folder of the tables"""
    train: int = 80
    """scenes in split sim_train"""
    val: int = 20
    """scenes in split sim_val"""
    sweeps: bool = False
    """lidar at 10 Hz between the key frames as well, at five times the disk space"""
    noise: bool = False
    """range noise, lost and stray returns; not given: exact returns"""
    source: str = "procedural"
    """procedural (generated), scenarionet or argoverse2 (recorded), saved (by `bevdrive save`), or
    run (driven by `bevdrive simulate`)"""
    path: Path | None = None
    """sources scenarionet and saved: a file, or a folder of them; argoverse2: a log, or a folder of
    logs; run: the run folder"""
    planner: str | None = None
    """source run: whose drives; needed where the run has several planners"""
    families: tuple[str, ...] = ()
    """source procedural, by space or comma; none named: all (see `bevdrive simulate --help`)"""
    duration_s: float = 20.0
    """length of a generated scenario; a recorded one keeps its own"""
    seed: int = 0
    """seed of the generator, of the noise and of the tokens"""
    workers: int = -1
    """processes (-1: one per core; 0: none, for debugging); the results do not depend on it"""


def run(arguments: list[str]) -> int:
    """Check everything that can be checked, then write; returns the exit code."""
    if arguments[:1] not in (["nuscenes"], ["-h"], ["--help"]):
        asked = arguments[0] if arguments else "nothing"
        raise ValueError(f"export: unknown format {asked!r} (choices: nuscenes)")
    options = tyro.cli(
        ExportConfig,
        args=split_commas(arguments[arguments[0] == "nuscenes" :]),
        prog="bevdrive export nuscenes",
        description=ExportConfig.__doc__,
    )
    config = _checked(options)
    from drive.driven import find_drives
    from drive.export import export, find_requests, make_jobs, require_room
    from drive.pool import BrokenRun
    from sim.export.nuscenes import ExportSettings

    for split in ("train", "val"):
        if getattr(options, split) < 0:
            raise ValueError(f"--{split}: must be at least 0, not {getattr(options, split)}")
    splits = {"sim_train": options.train, "sim_val": options.val}
    settings = ExportSettings(options.version, splits, options.sweeps, options.noise, options.seed)
    if options.source == _RUN and options.path is not None:
        origins = find_drives(options.path, options.planner)
    else:
        origins = find_requests(config, options.train, options.val)
    jobs = make_jobs(origins, settings.num_scenes, str(options.path))
    require_room(jobs, options.sweeps)
    origin = ("source", "path", "planner", "families", "seed", "duration_s")
    source = {name: str(getattr(options, name)) for name in origin}
    began = time.perf_counter()
    try:
        export(options.out, settings, jobs, source, options.workers)
    except (KeyboardInterrupt, BrokenRun) as stop:
        what = "interrupted" if isinstance(stop, KeyboardInterrupt) else stop
        print(f"\nbevdrive: {what}; to go on, give the same command again", file=sys.stderr)
        return 130 if isinstance(stop, KeyboardInterrupt) else 1
    seconds = time.perf_counter() - began
    size = sum(f.stat().st_size for f in options.out.rglob("*") if f.is_file())
    print(f"{len(jobs)} scenes in {seconds:.1f} s, {size / 1e6:.0f} MB: {options.out}")
    return 0


def _checked(options: ExportConfig) -> SimulateConfig:
    """What `simulate` would be asked for (a run: nothing); ValueError names what is wrong."""
    one_of("--source", options.source, _SOURCES)
    if options.planner is not None and options.source != _RUN:
        raise ValueError(f"--planner: only for --source {_RUN}")
    if options.source == _RUN and options.path is None:
        raise ValueError(f"--path: source {_RUN} needs a run folder")
    kept = ("source", "path", "families", "seed", "duration_s", "workers")
    if options.source == _RUN:
        kept = ("seed", "workers")
    config = SimulateConfig(**{name: getattr(options, name) for name in kept})
    check_choices(config)
    return config
