"""Toy scenes for tests of what learns: cars on lanes, as examples."""

from functools import cache
from pathlib import Path

import numpy as np
import torch

from drive.features.example import Example, ExampleSpec, concatenated, make_examples
from drive.features.store import Store, begin_collection, finish_collection, write_shard
from sim import trees
from sim.scenario import AgentKind, Scenario
from tests.toy import Car, make_scenario, straight

SPEC = ExampleSpec(num_agents=4)
LIDAR_SPEC = ExampleSpec(num_agents=4, sweeps=True)


def toy_scenario(
    speed_mps: float = 10.0, duration_s: float = 9.0, scenario_id: str = "toy"
) -> Scenario:
    """The ego on one lane, a car ahead on it, one that comes towards it, and somebody on foot."""
    return make_scenario(
        [straight(-50.0, 0.0, 250.0, 0.0), straight(250.0, 4.0, -50.0, 4.0)],
        [
            Car(0, 0.0, 0.0, 0.0, speed_mps),
            Car(0, 20.0, 0.0, 0.0, 6.0),
            Car(1, 60.0, 4.0, np.pi, 8.0),
            Car(-1, 5.0, -6.0, np.pi / 2, 1.0, (0.6, 0.6, 1.8), AgentKind.PEDESTRIAN),
        ],
        duration_s,
        scenario_id=scenario_id,
    )


def toy_examples(spec: ExampleSpec = SPEC) -> Example:
    """Instants of two such scenarios of different length: the caller's own, to change at will."""
    return trees.map_tensors(torch.clone, _examples(spec))


@cache
def _examples(spec: ExampleSpec) -> Example:
    scenarios = [toy_scenario(), toy_scenario(5.0, 8.0)]
    return concatenated(list(make_examples(scenarios, spec)))


def toy_store(folder: Path, spec: ExampleSpec = SPEC) -> Store:
    """Two shards, each of five examples of two scenarios."""
    begin_collection(folder, {})
    for k in range(2):
        write_shard(folder, k, toy_examples(spec), [f"{k}a", f"{k}b"], [])
    return finish_collection(folder, 2)
