"""Recorded nuScenes scenes as ScenarioNet converts them, of both of its converters."""

from functools import cache
from pathlib import Path

from sim.scenario import Scenario
from sim.sources.scenarionet import read_scenario
from tests.conftest import SHARED_DATA

FILES = [
    path
    for folder in ("nuscenes_mini_scenarionet", "nuscenes_mini_scenarionet_old_converter")
    for path in sorted((SHARED_DATA / folder).glob("*.pkl"))
]


@cache
def real_scene(path: Path) -> Scenario:
    """Read once for all tests of a process, which leave it as it is."""
    return read_scenario(path)
