"""`bevdrive evaluate`."""

import argparse
import math
import sys
import time
from pathlib import Path

from drive.cli.interruption import stopped
from drive.cli.words import split_commas
from drive.pipelines.evaluate.config import ORACLE, TASKS, EvaluateConfig
from drive.pipelines.evaluate.networks import TRAJECTORIES
from sim.errors import InputError
from sim.sources.query import SourceQuery

_EPILOG = """examples:
  bevdrive evaluate detection --dataroot DIR --version v1.0-trainval --split val --results mine.json
  bevdrive evaluate tracking --dataroot DIR --version v1.0-sim --split sim_val --results oracle
  bevdrive evaluate detection ... --results oracle --noise 0.7      # what 70 cm of error cost
  bevdrive evaluate prediction --dataroot DIR --version v1.0-mini --split mini_val
  bevdrive evaluate planning --dataroot DIR --version v1.0-mini --split mini_val --results plans.json
  bevdrive evaluate planning --benchmark interactive-val --planner p3,pdm    # planning --planner --help: more
  bevdrive evaluate closed-loop --dataroot DIR --version v1.0-sim --split sim_val --planner idm pdm
  bevdrive evaluate prediction --dataroot DIR --version v1.0-mini --split mini_val --weights runs/joint
  bevdrive evaluate forecast --benchmark interactive-val --weights runs/joint    # forecast --help: more

results files: detection, tracking and prediction as nuScenes' servers take them (prediction: one
list for the whole split); planning: a JSON object, sample token -> 6 pairs [x, y], where the
origin of ego_pose will be at 0.5, 1 ... 3 s, metres, x forward, y left, in the ego frame of the
sample.

Each run writes config.yaml, metrics.json, report.html and, for detection and tracking, the official
evaluator's own files; closed-loop drives each scene under log replay and under reactive traffic, and
adds what `simulate` writes of each. Exit codes: 0 all well, 1 a planner failed or a worker died, 2 wrong
input, 130 interrupted."""


def run(arguments: list[str]) -> int:
    """Check everything that can be checked, then score; returns the exit code.

    Raises InputError for wrong input; nothing is written then.
    """
    if arguments[:1] == ["forecast"]:
        from drive.cli.evaluate_forecast import run as run_forecast

        return run_forecast(arguments[1:])
    if arguments[:1] == ["planning"] and "--planner" in arguments:
        from drive.cli.evaluate_planning import run as run_planning

        return run_planning(arguments[1:])
    config = _parse(arguments)
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


def _parse(arguments: list[str]) -> EvaluateConfig:
    parser = argparse.ArgumentParser(
        prog="bevdrive evaluate",
        description="Score results on a split of a nuScenes dataset, with the official code.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("task", choices=TASKS)
    add("--dataroot", type=Path, required=True, help="folder that holds the version folders")
    add("--version", required=True, help="v1.0-mini, v1.0-trainval, v1.0-sim ...")
    add("--split", required=True, help="train, val, mini_val ..., or a name in splits.json")
    add("--results", metavar="FILE",
        help=f"results to score; {ORACLE}: the ground truth itself (detection, tracking)")  # fmt: skip
    add("--weights", metavar="RUN",
        help="prediction: score this network too; default, a run folder of train, or a file")  # fmt: skip
    add("--noise", type=float, default=0.0, metavar="M",
        help=f"with --results {ORACLE}: move every box by so many metres")  # fmt: skip
    add("--seed", type=int, default=0, help="of the noise's directions")
    add("--name", help="name of the run folder; not given: date and time")
    add("--out", type=Path, default=Path("runs"), help="where run folders go")
    add("--cache", type=Path,
        help="closed-loop, --weights: where converted scenes are kept (~/.cache/bevdrive)")  # fmt: skip
    alone = parser.add_argument_group("closed-loop alone")
    add = alone.add_argument
    add("--planner", nargs="+", default=["pdm"], help="planners, as in simulate, by space or comma")
    add("--scenario", nargs="+", default=[], metavar="SCENE", help="only these scenes")
    add("--exclude", nargs="+", default=[], metavar="SCENE", help="all scenes but these")
    add("--count", type=int, help="how many scenes at most")
    add("--workers", type=int, default=-1, help="processes (-1: one per core; 0: none)")
    add("--cluster", help="ray: batches are driven on a Ray cluster, as in simulate")
    options = vars(parser.parse_args(split_commas(arguments)))
    for name in ("planner", "scenario", "exclude"):
        options[name] = tuple(options[name])
    asked = ("dataroot", "version", "split", "cache", "scenario", "exclude", "count")
    query = SourceQuery(source="nuscenes", **{name: options.pop(name) for name in asked})
    config = EvaluateConfig(query=query, **options)
    _check(config)
    return config


def _check(config: EvaluateConfig) -> None:
    query = config.query
    if config.task != "closed-loop" and (query.scenario or query.exclude or query.count):
        raise InputError(f"--scenario, --exclude, --count: {config.task} scores whole splits")
    boxes = config.task in ("detection", "tracking")
    if boxes and config.results is None:
        raise InputError(f"--results: {config.task} needs a file, or {ORACLE!r}")
    if not boxes and config.results == ORACLE:
        raise InputError(f"--results: {config.task} has the ground truth as a row of its own")
    if config.weights is not None and config.task != "prediction":
        raise InputError(f"--weights: not of {config.task}; prediction and forecast score networks")
    if config.task == "closed-loop" and config.results is not None:
        raise InputError("--results: closed-loop drives planners, it scores no file")
    if config.noise and config.results != ORACLE:
        raise InputError(f"--noise: only with --results {ORACLE}")
    if not (0 <= config.noise < math.inf):
        raise InputError(f"--noise: must be at least 0, not {config.noise}")
