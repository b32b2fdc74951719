"""What a run is given, by names that last: the benchmark's version, what the ego then knows, the weights."""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from drive.pipelines.collect_config import CollectConfig
from drive.pipelines.evaluate.forecast_config import ForecastConfig
from drive.pipelines.evaluate.open_loop_config import OpenLoopConfig
from drive.pipelines.simulate_config import SimulateConfig
from sim.benchmarks import with_version
from sim.registry import class_and_weights

DEFAULT = "default"
Config = TypeVar("Config", CollectConfig, ForecastConfig, OpenLoopConfig, SimulateConfig)


def named_in_full(config: Config) -> Config:
    """The same with the benchmark's version, and the perception that holds where none is asked for; of
    simulate also weights by where they are, because `runs/latest` will soon be this very run.

    Raises InputError for an unknown benchmark.
    """
    benchmark = config.benchmark and with_version(config.benchmark)
    perception = config.perception or ("visible" if benchmark else "tracks")
    named = replace(config, benchmark=benchmark, perception=perception)
    if not isinstance(named, SimulateConfig):
        return named
    planners = tuple(_settled(name) for name in named.planner)
    perception = _settled(perception)
    weights = named.weights if named.weights == DEFAULT else str(Path(named.weights).resolve())
    return replace(named, planner=planners, perception=perception, weights=weights)


def _settled(named: str) -> str:
    name, weights = class_and_weights(named)
    return f"{name}@{Path(weights).resolve()}" if weights and weights != DEFAULT else named
