"""The options of `bevdrive evaluate forecast`."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from drive.pipelines.evaluate.networks import NETWORKS
from drive.pipelines.presets import to_plain
from drive.pipelines.workers import WORK_FIELDS, WorkOptions
from sim.errors import InputError, one_of
from sim.sources.query import SourceQuery

_FREE = ("name", "out", *WORK_FIELDS)  # change no figure


@dataclass(frozen=True)
class ForecastConfig(WorkOptions, SourceQuery):
    """Score the forecasts of a trained network on scenarios, beside what has to be beaten.

    Examples:
      bevdrive evaluate forecast --benchmark interactive-val --weights runs/latest
      bevdrive evaluate forecast --split val --families merge,curve --count 64 --weights runs/joint
      bevdrive evaluate forecast --source nuscenes --dataroot DIR --version V --split S
      bevdrive evaluate forecast --data data/interactive-val --weights runs/occupancy

    Figures are of instants a second apart, over 5 s, overall and by family, with intervals of the
    differences from constant velocity. Each run writes config.yaml, metrics.json, per_scenario.parquet and
    report.html. Exit codes: 0 all well; 1 some scenarios were skipped, or a worker died; 2 wrong input;
    130 interrupted.
    """

    weights: str = "default"
    """default, a run folder of bevdrive train, or a file"""
    task: str | None = None
    """joint, intention, cover, occupancy or social; not given: what the weights are of, of default ones
    joint"""
    data: Path | None = None
    """examples that were collected, instead of scenarios: faster, but they hold no map, so nothing is said
    of who leaves the road"""
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
        told = to_plain(self)
        return {"task": "forecast", "of": told.pop("task")} | {
            name: value for name, value in told.items() if name not in _FREE
        }


def check(config: ForecastConfig) -> None:
    """Raise InputError for what is wrong with the options but those of the query (`find`)."""
    from sim.interface import Perception

    if config.task is not None:
        one_of("--task", config.task, NETWORKS)
    if config.perception is not None:
        one_of("--perception", config.perception, get_args(Perception))
    if not 0.1 <= config.every <= 100:
        raise InputError(f"--every: must be from 0.1 to 100, not {config.every}")
    config.check_work()
    if config.data is None:
        return
    asked = [f for f in fields(SourceQuery) if getattr(config, f.name) != f.default]
    asked += [f for f in fields(ForecastConfig) if f.name in ("perception", "every")
              and getattr(config, f.name) != f.default]  # fmt: skip
    if asked:
        option = asked[0].name.replace("_", "-")
        raise InputError(f"--{option}: --data says already which examples; give one of the two")
