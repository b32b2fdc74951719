"""Two generated scenarios of a few seconds as a dataset, through a small lidar."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sim.export.nuscenes import export_scenes
from sim.export.nuscenes.schema import LIDAR_TOP
from sim.scenario import Scenario
from sim.sources.procedural import generate

SMALL = replace(LIDAR_TOP, num_columns=180)
VERSION = "v1.0-test"
SPLITS = {"sim_train": 1, "sim_val": 1}


@dataclass(frozen=True)
class Dataset:
    """What was written, and what it was written from."""

    path: Path
    scenarios: list[Scenario]
    offsets_m: list[np.ndarray]

    @staticmethod
    def write(path: Path, duration_s: float = 4.0, sweeps: bool = True) -> "Dataset":
        import json

        scenarios = make_scenarios(duration_s)
        export_scenes(scenarios, path, VERSION, SPLITS, sweeps=sweeps, lidar=SMALL)
        listed = json.loads((path / VERSION / "scenarios.json").read_text())
        return Dataset(path, scenarios, [np.array(s["map_offset_m"]) for s in listed.values()])

    @cached_property
    def nusc(self) -> Any:
        from nuscenes import NuScenes

        return NuScenes(VERSION, str(self.path), verbose=False)

    def samples(self, scene: int) -> list[dict[str, Any]]:
        """In order of time, along the chain."""
        token = self.nusc.scene[scene]["first_sample_token"]
        found = []
        while token:
            found.append(self.nusc.get("sample", token))
            token = found[-1]["next"]
        return found


def make_scenarios(duration_s: float) -> list[Scenario]:
    return generate(["signalized_junction", "narrow_street"], 2, duration_s=duration_s)
