"""`bevdrive save`."""

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from drive.cli.simulate import split_commas
from drive.config import SimulateConfig, check_choices


@dataclass(frozen=True)
class SaveConfig:
    """Write scenarios to files that load fast, exactly, and without pickle.

    Examples:
      bevdrive save --families roundabout --count 100 --split train --to data/roundabouts
      bevdrive save --source scenarionet --path ../shared/data/nuscenes_mini_scenarionet --to data/mini
      bevdrive simulate --source saved --path data/mini --planner pdm

    Exit codes: 0 all well; 1 some scenarios were skipped; 2 wrong input.
    """

    to: Path
    """the folder to write to; files of the same name there are replaced"""
    source: str = "procedural"
    """procedural (generated), scenarionet, nuscenes or argoverse2 (recorded)"""
    path: Path | None = None
    """source scenarionet: a pickle, or a folder of them; argoverse2: a log, or a folder of logs"""
    families: tuple[str, ...] = ()
    """source procedural, by space or comma; none named: all (see `bevdrive simulate --help`)"""
    count: int | None = None
    """how many scenarios; not given: 32 generated ones, or all that a folder holds"""
    split: str = "train"
    """source procedural: train, val or test (disjoint seeds); source nuscenes: a split of the
    devkit, or a name in <dataroot>/<version>/splits.json"""
    dataroot: Path | None = None
    """source nuscenes: the folder that holds the versions, maps, samples"""
    version: str = "v1.0-mini"
    """source nuscenes: the folder of tables"""
    cache: Path | None = None
    """source nuscenes: where converted scenes are kept; not given: ~/.cache/bevdrive"""
    seed: int = 0
    """seed of the generator"""
    duration_s: float = 15.0
    """length of a generated scenario; a recorded one keeps its own"""


def run(arguments: list[str]) -> int:
    """Load and save one batch of scenarios after the other; returns the exit code."""
    options = tyro.cli(
        SaveConfig,
        args=split_commas(arguments),
        prog="bevdrive save",
        description=SaveConfig.__doc__,
    )
    chosen = {k: v for k, v in vars(options).items() if k != "to"}
    config = SimulateConfig(**chosen)
    check_choices(config)
    from drive.simulate import make_requests
    from sim.scenario_file import SUFFIX, save_scenario
    from sim.sources import load

    requests = make_requests(config)
    options.to.mkdir(parents=True, exist_ok=True)
    saved, skipped = 0, []
    for first in range(0, len(requests), config.batch_size):
        loaded, failed = load(requests[first : first + config.batch_size])
        skipped += failed
        for _, scenario in loaded:
            save_scenario(scenario, options.to / f"{scenario.scenario_id}{SUFFIX}")
            saved += 1
    for entry in skipped:
        print(f"skipped {entry['scenario']}: {entry['reason']}", file=sys.stderr)
    if not saved:
        raise ValueError(f"0 of {len(requests)} scenarios can be used")
    print(f"{saved} scenarios in {options.to}")
    return 1 if skipped else 0
