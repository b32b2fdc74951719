"""The options of `bevdrive collect`."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from drive.pipelines.workers import WorkOptions
from sim.errors import InputError, one_of
from sim.sources.query import SourceQuery


@dataclass(frozen=True)
class CollectConfig(WorkOptions, SourceQuery):
    """Make the examples that training reads, from scenarios, into a folder.

    Examples:
      bevdrive collect --split train --count 1000 --out data/old
      bevdrive collect --benchmark interactive-train --count 4000 --out data/interactive
      bevdrive collect --split train --count 200 --planner pdm --out data/driven
      bevdrive collect --benchmark interactive-train --count 300 --planner random_cost --tries 8 \\
          --successful --replan 0.5 --out data/experts
      bevdrive collect --benchmark interactive-train --count 300 --sensors lidar --out data/sweeps
      bevdrive collect --source nuscenes --dataroot DIR --version V --split train --out data/nusc

    A collection that was cut off goes on when the same command is given again. Exit codes: 0 all well;
    1 some scenarios were skipped, or a worker died; 2 wrong input; 130 interrupted.
    """

    out: Path = field(kw_only=True)
    """the folder to write to: a new one, or one in which the same collection was cut off"""
    planner: str | None = None
    """who drives the ego; not given: it drives as recorded, and so do the others"""
    tries: int = 1
    """drives of each scenario, each with a seed of its own, of which the best becomes examples: a success
    if there is one, and then the one with the highest score"""
    successful: bool = False
    """leave out scenarios in which no drive was a success"""
    replan: float | None = None
    """seconds for which a plan is followed; not given: one step"""
    traffic: str = "idm"
    """who moves the others where a planner drives"""
    perception: str | None = None
    """whom the ego knows of: tracks (everyone), visible (whoever is in its line of sight, or was within
    the last 3 s); not given: visible with --benchmark, else tracks"""
    sensors: str | None = None
    """lidar: examples hold the sweeps of a lidar as well, 27 kB each; not given (or tracks): they do not"""
    every: float = 1.0
    """seconds between the instants of a scenario that become examples"""


def check(config: CollectConfig) -> None:
    """Raise InputError for what is wrong with the options but those of the query (`find`)."""
    from drive.features.sweeps import SENSORS
    from drive.planning import PLANNERS
    from sim.interface import Perception
    from sim.registry import takes
    from sim.traffic import TRAFFIC

    if config.sensors is not None:
        one_of("--sensors", config.sensors, SENSORS)
    if config.planner is not None and takes(PLANNERS.load(config.planner), "weights"):
        PLANNERS.make(config.planner)  # what is wrong with weights is said before anything runs
    TRAFFIC.load(config.traffic)
    if config.perception is not None:
        one_of("--perception", config.perception, get_args(Perception))
    if not 0.1 <= config.every <= 100:
        raise InputError(f"--every: must be from 0.1 to 100, not {config.every}")
    if config.tries < 1:
        raise InputError(f"--tries: must be at least 1, not {config.tries}")
    if config.planner is None and (config.tries > 1 or config.successful or config.replan):
        raise InputError("--tries, --successful, --replan: of which --planner?")
    if config.replan is not None and not 0 < config.replan < math.inf:
        raise InputError(f"--replan: must be above 0, not {config.replan}")
    config.check_work()
