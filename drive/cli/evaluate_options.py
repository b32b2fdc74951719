"""The options of `bevdrive evaluate` on a split of nuScenes, a class a task."""

from dataclasses import dataclass, field
from pathlib import Path

from drive.pipelines.workers import WorkOptions

GROUPS = {
    "data": ("dataroot", "version", "split", "cache", "scenario", "exclude", "count"),
    "scored": ("results", "weights", "planner", "noise", "seed"),
}


@dataclass(frozen=True)
class SplitOptions:
    """What every task has."""

    dataroot: Path = field(kw_only=True)
    """folder that holds the version folders"""
    version: str = field(kw_only=True)
    """v1.0-mini, v1.0-trainval, v1.0-sim ..."""
    split: str = field(kw_only=True)
    """train, val, mini_val ..., or a name in splits.json"""
    name: str | None = None
    """name of the run folder; not given: date and time"""
    out: Path = Path("runs")
    """where run folders go"""


@dataclass(frozen=True)
class BoxesOptions(SplitOptions):
    """Score {task} results on a split of a nuScenes dataset, with the official code.

    Examples:
      bevdrive evaluate {task} --dataroot DIR --version v1.0-mini --split mini_val \\
          --results mine.json
      bevdrive evaluate {task} --dataroot DIR --version v1.0-sim --split sim_val --results oracle
      bevdrive evaluate {task} --dataroot DIR --version v1.0-sim --split sim_val --results oracle \\
          --noise 0.7   # what 70 cm of error cost

    Results files are as nuScenes' server takes them. Each run writes config.yaml, metrics.json,
    report.html and the official evaluator's own files. Exit codes: 0 all well; 2 wrong input;
    130 interrupted.
    """

    results: str = field(kw_only=True)
    """file with the results to score; oracle: the ground truth itself"""
    noise: float = 0.0
    """with --results oracle: move every box by so many metres"""
    seed: int = 0
    """of the noise's directions"""


@dataclass(frozen=True)
class PredictionOptions(SplitOptions):
    """Score predictions on a split of a nuScenes dataset, with the official metrics.

    Examples:
      bevdrive evaluate prediction --dataroot DIR --version v1.0-mini --split mini_val
      bevdrive evaluate prediction --dataroot DIR --version v1.0-mini --split mini_val \\
          --results mine.json
      bevdrive evaluate prediction --dataroot DIR --version v1.0-mini --split mini_val \\
          --weights runs/joint

    A results file is as nuScenes' server takes it: one list for the whole split. Each run writes
    config.yaml, metrics.json and report.html. Exit codes: 0 all well; 2 wrong input; 130 interrupted.
    """

    results: str | None = None
    """file with predictions, scored beside the baselines"""
    weights: str | None = None
    """score this network too; default, a run folder of train, or a file"""
    cache: Path | None = None
    """with --weights: where converted scenes are kept; not given: ~/.cache/bevdrive"""


@dataclass(frozen=True)
class PlanningOptions(SplitOptions):
    """Score plans on a split of a nuScenes dataset, by three open-loop protocols.

    Examples:
      bevdrive evaluate planning --dataroot DIR --version v1.0-mini --split mini_val
      bevdrive evaluate planning --dataroot DIR --version v1.0-mini --split mini_val \\
          --results plans.json
      bevdrive evaluate planning --planner p3,pdm --benchmark interactive-val

    A results file is a JSON object, sample token -> 6 pairs [x, y], where the origin of ego_pose will be
    at 0.5, 1 ... 3 s, metres, x forward, y left, in the ego frame of the sample. With --planner planners
    are scored on scenarios instead: bevdrive evaluate planning --planner --help.
    Exit codes: 0 all well; 2 wrong input; 130 interrupted.
    """

    results: str | None = None
    """file with plans, scored beside the baselines"""


@dataclass(frozen=True)
class ClosedLoopOptions(WorkOptions, SplitOptions):
    """Drive each scene of a nuScenes split in closed loop, under log replay and under reactive traffic.

    Examples:
      bevdrive evaluate closed-loop --dataroot DIR --version v1.0-sim --split sim_val --planner idm,pdm
      bevdrive evaluate closed-loop --dataroot DIR --version v1.0-mini --split mini_val \\
          --scenario scene-0061

    Each run writes config.yaml, metrics.json, report.html, and what `bevdrive simulate` writes of each.
    Exit codes: 0 all well; 1 a planner failed or a worker died; 2 wrong input; 130 interrupted.
    """

    planner: tuple[str, ...] = ("pdm",)
    """one or more planners, as in simulate"""
    scenario: tuple[str, ...] = ()
    """only these scenes"""
    exclude: tuple[str, ...] = ()
    """all scenes but these"""
    count: int | None = None
    """how many scenes at most"""
    cache: Path | None = None
    """where converted scenes are kept; not given: ~/.cache/bevdrive"""
