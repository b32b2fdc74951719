"""The options of `bevdrive evaluate planning --planner`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from drive.pipelines.presets import to_plain
from drive.pipelines.workers import WORK_FIELDS, WorkOptions
from sim.errors import InputError, one_of
from sim.sources.query import SourceQuery

_FREE = ("name", "out", *WORK_FIELDS)  # change no figure


@dataclass(frozen=True)
class OpenLoopConfig(WorkOptions, SourceQuery):
    """Score planners in open loop: what they plan at instants of recordings, against what then happened.

    Examples:
      bevdrive evaluate planning --benchmark interactive-val --planner bc,p3,hand_cost
      bevdrive evaluate planning --source scenarionet --path DIR --planner idm,pdm,p3@runs/latest

    Collisions with who was recorded, and ways off the road, by 1, 2, 3 and 5 s, in percent; distance from
    what was driven, in metres. The others drive as recorded, whatever is planned: closed loop decides
    (`bevdrive simulate`). Each run writes config.yaml, metrics.json, per_scenario.parquet and report.html.
    Exit codes: 0 all well; 1 some scenarios were skipped, or a worker died; 2 wrong input; 130 interrupted.
    """

    planner: tuple[str, ...] = ("pdm",)
    """one or more planners; p3@RUN: with the weights of that training"""
    perception: str | None = None
    """whom the ego knows of: tracks (everyone), visible (whoever is in its line of sight, or was within
    the last 3 s); not given: visible with --benchmark, else tracks"""
    every: float = 1.0
    """seconds between the instants of a scenario"""
    name: str | None = None
    """name of the run folder; not given: date and time"""
    out: Path = Path("runs")
    """where run folders go"""

    def plain(self) -> dict[str, Any]:
        """As YAML can hold it: the fields that change a figure."""
        plain = to_plain(self)
        return {"task": "open-loop"} | {n: v for n, v in plain.items() if n not in _FREE}


def check(config: OpenLoopConfig) -> None:
    """Raise InputError for what is wrong with the options but those of the query (`find`).

    Planners are made once, and asked for nothing that examples do not hold.
    """
    from drive.features.example import ExampleSpec
    from drive.planning import make_planner
    from sim.interface import Perception, needs_of

    if not config.planner:
        raise InputError("--planner: name at least one")
    if len(set(config.planner)) < len(config.planner):
        raise InputError("--planner: the same one twice")
    held = ExampleSpec(map=True).needs()
    for name in config.planner:
        needs = needs_of(make_planner(name))
        lacks = [what for what in ("raster", "lidar", "privileged") if getattr(needs, what)]
        if needs.history_s > held.history_s or needs.lanes not in (None, held.lanes):
            lacks.append("history or lanes of another length")
        if lacks:
            raise InputError(
                f"--planner {name}: needs {', '.join(lacks)}, which open loop does not show; "
                "bevdrive simulate does"
            )
    if config.perception is not None:
        one_of("--perception", config.perception, get_args(Perception))
    if not 0.1 <= config.every <= 100:
        raise InputError(f"--every: must be from 0.1 to 100, not {config.every}")
    config.check_work()
