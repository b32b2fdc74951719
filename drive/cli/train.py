"""`bevdrive train`."""

import sys
import time
from dataclasses import dataclass, field, make_dataclass, replace
from pathlib import Path

import tyro

from drive.cli.interruption import stopped
from drive.cli.words import split_commas, value_of
from drive.pipelines.presets import from_dict
from drive.pipelines.train import begin, preset, train
from drive.training.config import CONFIGS, TrainConfig
from drive.training.config_check import check
from sim.errors import InputError, one_of

_ABOUT = """Train a network from examples that `bevdrive collect` made.

Examples:
  bevdrive collect --split train --count 1000 --out data/old
  bevdrive train joint --data data/old --preset small
  bevdrive train joint --data data/old,data/interactive --loss marginal --seed 3
  bevdrive train joint --data data/nusc --start default --steps 500 --learning-rate 3e-4
  bevdrive train joint --resume runs/latest
  tensorboard --logdir runs

Tasks: joint (futures of a whole scene; --loss marginal: of each agent), intention (what each agent is
about to do, and its trajectories, from one image), cover (which trajectory of a fixed set it takes),
occupancy (which cells road users will take, and how they move on), p3 (how much each named term of a
cost weighs), behaviour (the same for behaviour and trajectory, jointly), costvolume (what it costs to
be in a cell at an instant), energy (how unlike an expert's a trajectory is: Implicit BC),
autoregressive_energy (the same of each step), bc (what the ego did: behaviour cloning).
Exit codes: 0 all well; 1 the disk refused; 2 wrong input; 130 interrupted.
"""

# What may be different where a training goes on.
_WHERE = ("accelerator", "devices", "strategy", "accumulate", "workers")


@dataclass(frozen=True)
class _Run:
    preset: str = "small"
    """small (two cores), base (a GPU), or a YAML file with any of these options; the command line
    overrides it"""
    resume: Path | None = None
    """run folder of a training that was cut off: it keeps its own settings"""
    name: str | None = None
    """name of the run folder; not given: date and time"""
    out: Path = Path("runs")
    """where run folders go"""


def run(arguments: list[str]) -> int:
    """Check everything that can be checked, then train; returns the exit code.

    Raises InputError for wrong input, before anything is written.
    """
    if not arguments or arguments[0].startswith("-"):
        print(_ABOUT)
        return 0 if arguments and arguments[0] in ("-h", "--help") else 2
    task, *words = split_commas(arguments, ("--data",))
    one_of("task", task, CONFIGS)
    config, options = _resolve(task, words)
    if options.resume is not None:
        from drive.training.order import open_store

        check(config)
        open_store(config)
        folder = options.resume.resolve()
    else:
        folder = begin(task, config, options.out, options.name)
    if config.devices > 1:  # Lightning starts the others' processes by this command line
        where = [word for name in _WHERE for word in (f"--{name}", str(getattr(config, name)))]
        sys.argv[1:] = ["train", task, "--resume", str(folder.resolve()), *where]
    began = time.perf_counter()
    try:
        figures = train(task, config, folder)
    except (KeyboardInterrupt, OSError) as stop:
        return stopped(stop, f"to go on: bevdrive train {task} --resume {folder}")
    if not figures:  # another process tells
        return 0
    told = ", ".join(f"{k[4:]} {v:.3f}" for k, v in figures.items() if k.startswith("val/"))
    print(f"{config.steps} steps in {time.perf_counter() - began:.0f} s: {folder}\n{told}")
    return 0


def _resolve(task: str, words: list[str]) -> tuple[TrainConfig, _Run]:
    """Preset, or the settings of the run to go on with, and over that the command line."""
    cls, resume = CONFIGS[task], value_of(words, "--resume")
    if resume is not None:
        base = _of_run(task, Path(resume))
    else:
        base = preset(task, value_of(words, "--preset") or _Run.preset)
    made = make_dataclass(
        "Options",
        [("config", cls, field(default=base)), ("run", _Run, field(default=_Run()))],
        frozen=True,
    )
    options = tyro.cli(
        made,
        args=words,
        prog=f"bevdrive train {task}",
        description=_ABOUT,
        config=(tyro.conf.OmitArgPrefixes,),
    )
    if resume is not None:
        where = {name: getattr(base, name) for name in _WHERE}
        if replace(options.config, **where) != base:
            raise InputError(
                f"--resume: {resume} keeps its own settings, but for {', '.join(_WHERE)}; begin a new run "
                "for others"
            )
    return options.config, options.run


def _of_run(task: str, folder: Path) -> TrainConfig:
    """The config that a training began with; InputError where it is none, or of another task."""
    from eval.runs.folder import RunFolder

    stored = RunFolder.open(folder).config()
    if stored.pop("task", None) != task:
        raise InputError(f"--resume: {folder}: no training of task {task}")
    return from_dict(stored, CONFIGS[task](), str(folder / "config.yaml"))
