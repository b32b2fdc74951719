"""A small exported nuScenes dataset, and copies of it to be damaged."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sim.export.nuscenes import export_scenes
from sim.export.nuscenes.schema import LIDAR_TOP
from sim.scenario import Scenario
from sim.sources.nuscenes import Dataset
from sim.sources.procedural import generate

VERSION = "v1.0-sim"
FAMILIES = ["signalized_junction", "narrow_street"]


@dataclass(frozen=True)
class Exported:
    """The dataset, and the scenarios that it was written from."""

    dataset: Dataset
    scenarios: list[Scenario]


def write(path: Path) -> Exported:
    """One scene in each of sim_train and sim_val, 4 s, few points."""
    scenarios = generate(FAMILIES, 2, duration_s=4.0)
    lidar = replace(LIDAR_TOP, num_columns=180)
    splits = {"sim_train": 1, "sim_val": 1}
    export_scenes(scenarios, path, VERSION, splits, sweeps=True, lidar=lidar)
    return Exported(Dataset(path, VERSION), scenarios)


def damaged_copy(dataset: Dataset, to: Path) -> Dataset:
    """Tables and maps of its own; points are shared."""
    to.mkdir()
    for name in (VERSION, "maps"):
        shutil.copytree(dataset.dataroot / name, to / name)
    for name in ("samples", "sweeps"):
        (to / name).symlink_to(dataset.dataroot / name)
    return Dataset(to, VERSION)


def edit_table(dataset: Dataset, name: str, edit: Callable[[list[dict[str, Any]]], object]) -> None:
    """Change the rows of a table in place."""
    file = dataset.tables / f"{name}.json"
    rows = json.loads(file.read_text())
    edit(rows)
    file.write_text(json.dumps(rows))
