"""A benchmark by name and version, and what the ego then knows."""

from dataclasses import replace
from typing import TypeVar

from drive.pipelines.collect_config import CollectConfig
from drive.pipelines.evaluate.forecast_config import ForecastConfig
from drive.pipelines.evaluate.open_loop_config import OpenLoopConfig
from drive.pipelines.simulate_config import SimulateConfig
from sim.benchmarks import with_version

Config = TypeVar("Config", CollectConfig, ForecastConfig, OpenLoopConfig, SimulateConfig)


def named_in_full(config: Config) -> Config:
    """The same with the benchmark's version, and the perception that holds where none is asked for.

    Raises InputError for an unknown benchmark.
    """
    benchmark = config.benchmark and with_version(config.benchmark)
    perception = config.perception or ("visible" if benchmark else "tracks")
    return replace(config, benchmark=benchmark, perception=perception)
