"""`collect`, `train`, `forecast`, `discover`: verbs of the command line as functions, with their options."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bevdrive.options import filled
from sim.errors import InputError, one_of

if TYPE_CHECKING:
    from drive.features.store import Store
    from drive.pipelines.discover import Figures
    from drive.pipelines.evaluate.examples import ExampleScores


@dataclass(frozen=True)
class Training:
    """The run folder of a training, and its last figures; `planner=f"p3@{folder}"` drives what it learned."""

    folder: Path
    figures: dict[str, float]


def collect(out: str | Path, *, workers: int = 0, **options: Any) -> "Store":
    """Make the examples that training reads into the folder `out`, as `bevdrive collect` does.

    `options`: which scenarios, as in `load`, planner, tries, replan, perception, sensors, every ... Raises
    InputError for what is wrong with these, and where no scenario can be used.
    """
    from drive.pipelines import collect as pipeline
    from drive.pipelines.collect_config import CollectConfig, check
    from drive.pipelines.named_in_full import named_in_full

    config = filled(CollectConfig(out=Path(out)), {"workers": workers, **options}, "collect")
    check(config)
    return pipeline.collect(named_in_full(config))


def train(
    task: str,
    data: Any,
    *,
    preset: str = "small",
    out: str | Path = "runs",
    name: str | None = None,
    **options: Any,
) -> Training:
    """Train a network of a task, as `bevdrive train TASK` does, from the stores `data` (`bevdrive collect`).

    `preset`: small, base or a YAML file, and over that `options`: steps, learning_rate, seed, accelerator ...
    Raises InputError for what is wrong with these, before anything is written.
    """
    from drive.pipelines import train as pipeline
    from drive.training.config import CONFIGS

    one_of("task", task, CONFIGS)
    config = filled(pipeline.preset(task, preset), {"data": data, **options}, "train")
    if config.devices > 1:
        raise InputError("devices: several need a command to begin anew: bevdrive train")
    folder = pipeline.begin(task, config, Path(out), name)
    return Training(folder, pipeline.train(task, config, folder))


def forecast(
    weights: str | Path = "default", *, workers: int = 0, **options: Any
) -> "ExampleScores":
    """Score the forecasts of a network on scenarios, as `bevdrive evaluate forecast` does.

    `options`: which scenarios, as in `load`, task, data, perception, every, name, out. The result is its
    tables as text, and holds the run folder. Raises InputError for what is wrong with these.
    """
    from drive.pipelines.evaluate.forecast import evaluate_forecast
    from drive.pipelines.evaluate.forecast_config import ForecastConfig, check
    from drive.pipelines.named_in_full import named_in_full

    given = {"weights": weights, "workers": workers, **options}
    config = filled(ForecastConfig(), given, "forecast")
    check(config)
    config = named_in_full(config)
    return evaluate_forecast(config, config.name or time.strftime("%Y%m%d-%H%M%S"))


def discover(out: str | Path, *, workers: int = 0, **options: Any) -> "Figures":
    """Find road users in sweeps that nobody labelled, and train a detector, as `bevdrive discover` does.

    `options`: which drives, stage, weights, rounds, steps ... Returns the figures by stage; the folder `out`
    holds labels and weights. Raises InputError for what is wrong with these.
    """
    from drive.pipelines import discover as pipeline
    from drive.pipelines.discover_config import DiscoverConfig, check

    given = {"out": out, "workers": workers, **options}
    config = filled(DiscoverConfig(), given, "discover", ("sweep", "view"))
    check(config)
    return pipeline.discover(config, pipeline.begin(config))
