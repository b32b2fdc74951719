"""`bevdrive train`."""

import sys
import time
from dataclasses import dataclass, fields, make_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from drive.cli.interruption import stopped
from drive.cli.options import Form
from drive.cli.run_log import keep_log
from drive.cli.words import task_form, told_of, value_of
from drive.pipelines.presets import from_dict
from drive.pipelines.train import begin, preset, train
from drive.training.config import CONFIGS, TrainConfig
from drive.training.config_check import check
from sim.errors import InputError

_ABOUT = """Learn {what}.

The examples are those that `bevdrive collect` made.

Examples:
  bevdrive collect --split train --count 1000 --out data/old
  bevdrive train {task} --data data/old --preset small
  bevdrive train {task} --data data/old,data/more --steps 1000 --seed 3
  bevdrive train {task} --data data/nusc --start default --steps 500 --learning-rate 3e-4
  bevdrive train {task} --resume runs/latest
  tensorboard --logdir runs

Exit codes: 0 all well; 1 the disk refused; 2 wrong input; 130 interrupted.
"""
_WHAT = {
    "joint": "futures of a whole scene, or with --loss marginal of each agent",
    "intention": "what each agent is about to do, and its trajectories, from one image",
    "cover": "which trajectory of a fixed set each agent takes",
    "occupancy": "which cells road users will take, and how they move on",
    "p3": "how much each named term of a cost weighs",
    "behaviour": "how much each named term weighs for behaviour and trajectory, jointly",
    "bc": "what the ego did (behaviour cloning)",
    "social": "energies of what everybody does, together",
    "energy": "how unlike an expert's a trajectory is (Implicit BC)",
    "autoregressive_energy": "how unlike an expert's each step of a trajectory is",
    "costvolume": "what it costs to be in a cell at an instant",
}

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


@cache
def forms() -> dict[str, Form]:
    """By task."""
    return {task: _form(task, cls) for task, cls in CONFIGS.items()}


def _form(task: str, cls: type[TrainConfig]) -> Form:
    of_all = [field.name for field in fields(TrainConfig)]
    run = ("data", "preset", "resume", "start", "name", "out")
    devices = ("workers", "accelerator", "devices", "strategy", "precision")
    groups = {
        "run": run,
        "training": [name for name in of_all if name not in (*run, *devices)],
        "computing": devices,
        task: [field.name for field in fields(cls) if field.name not in of_all],
    }
    options = make_dataclass(f"{task}Options", [], bases=(_Run, cls), frozen=True)
    about = _ABOUT.replace("{task}", task).replace("{what}", _WHAT[task])
    return Form(options, f"bevdrive train {task}", groups, about=about)


def run(arguments: list[str]) -> int:
    """Check everything that can be checked, then train; returns the exit code.

    Raises InputError for wrong input, before anything is written.
    """
    task, config, options = parse(arguments)
    if options.resume is not None:
        from drive.training.order import open_store

        check(config)
        open_store(config)
        folder = options.resume.resolve()
    else:
        folder = begin(task, config, options.out, options.name)
    keep_log(folder)
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


def parse(arguments: list[str]) -> tuple[str, TrainConfig, Any]:
    """Task, config (not checked yet) and run: a preset, or the run to go on with, and over it the words."""
    form = task_form(arguments, forms(), "task", "bevdrive train")
    task, *words = arguments
    resume = value_of(words, "--resume")
    if resume is not None:
        base = _of_run(task, Path(resume))
    else:
        base = preset(task, value_of(words, "--preset") or _Run.preset)
    options = form.parse(words, form.cls(**vars(base)))
    config = CONFIGS[task](**{name: getattr(options, name) for name in vars(base)})
    if resume is not None:
        where = {name: getattr(base, name) for name in _WHERE}
        if replace(config, **where) != base:
            raise InputError(
                f"--resume: {resume} keeps its own settings, but for {', '.join(_WHERE)}; begin a new run "
                "for others"
            )
    return task, config, options


def _of_run(task: str, folder: Path) -> TrainConfig:
    """The config that a training began with; InputError where it is none, or of another task."""
    from eval.runs.folder import RunFolder

    with told_of("--resume"):
        stored = RunFolder.open(folder).config()
    if stored.pop("task", None) != task:
        raise InputError(f"--resume: {folder}: no training of task {task}")
    return from_dict(stored, CONFIGS[task](), str(folder / "config.yaml"))
