"""The options of `bevdrive simulate`: filled by the command line, by YAML presets, or by code."""

import difflib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class SimulateConfig:
    """Drive scenarios in closed loop and score them.

    Examples:
      bevdrive simulate --source procedural --families roundabout merge --count 64 --planner pdm
      bevdrive simulate --source scenarionet --path DIR --planner pdm --traffic log
      bevdrive simulate --preset configs/simulate/nonreactive.yaml --planner idm
      bevdrive simulate --resume runs/latest
    """

    source: str = "procedural"
    """procedural (generated) or scenarionet (recorded)"""
    path: Path | None = None
    """a ScenarioNet pickle, or a folder of them"""
    families: tuple[str, ...] = ()
    """families to generate, by space or comma (default: all twelve)"""
    count: int = 32
    """how many scenarios (of a folder: at most)"""
    split: str = "val"
    """train, val or test: disjoint seeds of the generator"""
    seed: int = 0
    """seed of the generator"""
    duration_s: float = 15.0
    """length of a generated scenario"""
    planner: tuple[str, ...] = ("pdm",)
    """one or more of constant_velocity, idm, pdm, log_replay"""
    traffic: str = "idm"
    """idm (reactive) or log (replay of the recording)"""
    name: str | None = None
    """name of the run folder (default: date and time)"""
    out: Path = Path("runs")
    """where run folders go"""
    videos: int = 2
    """videos of the worst scenarios, per planner"""
    batch_size: int = 16
    """worlds per batch"""
    workers: int = -1
    """processes (-1: one per core; 0: none, for debugging)"""


def check_choices(config: SimulateConfig) -> None:
    """Raise ValueError naming the option, its choices and the nearest one."""
    from sim.sources import SOURCES

    _one_of("source", config.source, SOURCES)
    _one_of("traffic", config.traffic, ("idm", "log"))
    _one_of("split", config.split, ("train", "val", "test"))
    for planner in config.planner:
        _one_of("planner", planner, ("constant_velocity", "idm", "log_replay", "pdm"))
    if not config.planner:
        raise ValueError("--planner: name at least one")
    for option in ("count", "batch_size"):
        if getattr(config, option) < 1:
            raise ValueError(f"--{option.replace('_', '-')}: must be at least 1")
    if config.duration_s < 1.0:
        raise ValueError("--duration-s: must be at least 1")
    if config.families:
        from sim.sources.procedural import FAMILIES

        for family in config.families:
            _one_of("families", family, FAMILIES)


def from_yaml(path: Path, base: SimulateConfig) -> SimulateConfig:
    """`base` with the fields of a YAML preset; ValueError for a field that does not exist."""
    import yaml

    if not path.is_file():
        raise ValueError(f"{path}: no such preset")
    try:
        values = yaml.safe_load(path.read_text()) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: a preset is a list of `field: value` lines")
    return from_dict(values, base, str(path))


def from_dict(values: dict[str, Any], base: SimulateConfig, where: str) -> SimulateConfig:
    """`base` with some fields replaced."""
    names = [f.name for f in fields(SimulateConfig)]
    changed = {}
    for key, value in values.items():
        _one_of(f"{where}: field", key, tuple(names))
        if key in ("families", "planner"):
            value = tuple(value) if isinstance(value, list) else (value,)
        elif key in ("path", "out") and value is not None:
            value = Path(value)
        changed[key] = value
    return replace(base, **changed)


def _one_of(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value in choices:
        return
    near = difflib.get_close_matches(str(value), choices, 1, 0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"{what}: unknown {value!r}{hint} (choices: {', '.join(choices)})")
