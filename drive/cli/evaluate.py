"""`bevdrive evaluate`."""

import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

from drive.cli import evaluate_examples
from drive.cli.evaluate_options import (
    GROUPS,
    BoxesOptions,
    ClosedLoopOptions,
    PlanningOptions,
    PredictionOptions,
)
from drive.cli.groups import COMPUTING, OUTPUT, SCENARIO
from drive.cli.interruption import stopped
from drive.cli.options import Form
from drive.cli.run_log import keep_log
from drive.cli.words import task_form
from drive.pipelines.evaluate.config import ORACLE, EvaluateConfig
from drive.pipelines.evaluate.forecast_config import ForecastConfig
from drive.pipelines.evaluate.networks import TRAJECTORIES
from drive.pipelines.evaluate.open_loop_config import OpenLoopConfig
from sim.errors import InputError
from sim.sources.query import SourceQuery

_OPEN_LOOP = "planning --planner"
_PROG = "bevdrive evaluate"


@cache
def forms() -> dict[str, Form]:
    """By task."""
    split = GROUPS | {"output": OUTPUT, "computing": COMPUTING}
    boxes = BoxesOptions.__doc__ or ""
    examples = {
        "scored": ("weights", "task", "planner", "perception", "every", "data"),
        "scenario": SCENARIO,
        "output": OUTPUT,
        "computing": COMPUTING,
    }
    made = {
        task: Form(BoxesOptions, f"{_PROG} {task}", split, about=boxes.replace("{task}", task))
        for task in ("detection", "tracking")
    }
    return {
        **made,
        "prediction": Form(PredictionOptions, f"{_PROG} prediction", split),
        "planning": Form(PlanningOptions, f"{_PROG} planning", split),
        _OPEN_LOOP: Form(OpenLoopConfig, f"{_PROG} {_OPEN_LOOP}", examples),
        "closed-loop": Form(ClosedLoopOptions, f"{_PROG} closed-loop", split),
        "forecast": Form(ForecastConfig, f"{_PROG} forecast", examples),
    }


def parse(arguments: list[str]) -> EvaluateConfig | ForecastConfig | OpenLoopConfig:
    """The config of the task, not checked yet."""
    made, task, words = forms(), " ".join(arguments[:1]), arguments[1:]
    if task == "planning" and any(word.partition("=")[0] == "--planner" for word in words):
        if words == ["--planner", "--help"]:
            words = ["--help"]
        return made[_OPEN_LOOP].parse(words)
    options = task_form(arguments, made, "task", _PROG).parse(words)
    if isinstance(options, ForecastConfig):
        return options
    values = dict(vars(options))
    asked = ("dataroot", "version", "split", "cache", "scenario", "exclude", "count")
    named = {name: values.pop(name) for name in asked if name in values}
    return EvaluateConfig(task=task, query=SourceQuery(source="nuscenes", **named), **values)


def run(arguments: list[str]) -> int:
    """Check everything that can be checked, then score; returns the exit code.

    Raises InputError for wrong input; nothing is written then.
    """
    config: Any = parse(arguments)
    if not isinstance(config, EvaluateConfig):
        return evaluate_examples.run(config)
    _check(config)
    from drive.pipelines.evaluate import evaluate
    from drive.pipelines.jobs import BrokenRun

    began = time.perf_counter()
    if config.name and _was_finished(config, config.out / config.name):
        print(f"{config.out / config.name}: finished already")
        return 0
    try:
        folder, scores = evaluate(config, config.name or time.strftime("%Y%m%d-%H%M%S"))
    except (KeyboardInterrupt, BrokenRun, OSError) as stop:
        return stopped(stop, "nothing written")
    keep_log(folder)
    print("\n\n".join(table.text() for table in scores.tables.values()))
    print(f"{time.perf_counter() - began:.1f} s: {folder}/report.html")
    if scores.failed:
        print(f"bevdrive: planners failed on {scores.failed} scenes", file=sys.stderr)
    return 1 if scores.failed else 0


def _was_finished(config: EvaluateConfig, path: Path) -> bool:
    """Whether the run of this very command is there, of these results."""
    from drive.networks.weights import find_weights
    from drive.pipelines.evaluate.results import results_file
    from eval.runs.folder import is_run_of

    if not is_run_of(path, config.plain()) or not (path / "report.html").is_file():
        return False
    weights = config.weights and find_weights(config.weights, TRAJECTORIES[0])
    scored = [file for file in (results_file(config), weights) if file]
    finished = (path / "metrics.json").stat().st_mtime
    return all(file.stat().st_mtime < finished for file in scored)


def _check(config: EvaluateConfig) -> None:
    if config.task in ("prediction", "planning") and config.results == ORACLE:
        raise InputError(f"--results: {config.task} has the ground truth as a row of its own")
    if config.noise and config.results != ORACLE:
        raise InputError(f"--noise: only with --results {ORACLE}")
    if config.seed < 0:
        raise InputError(f"--seed: must be at least 0, not {config.seed}")
    if config.noise < 0:
        raise InputError(f"--noise: must be at least 0, not {config.noise}")
