"""The options of `bevdrive simulate`: filled by the command line, by YAML presets, or by code."""

import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args

from sim.errors import one_of

_PLANNERS = ("constant_velocity", "idm", "log_replay", "pdm")  # as drive.planning has them
_TRAFFIC = ("idm", "log")  # as sim.traffic has them; named here so that --help needs no torch


@dataclass(frozen=True)
class SimulateConfig:
    """Drive scenarios in closed loop and score them.

    Examples:
      bevdrive simulate --families roundabout,merge --count 64 --planner pdm --traffic idm --seed 3
      bevdrive simulate --source scenarionet --path ../shared/data/nuscenes_mini_scenarionet \\
          --planner log_replay,pdm --traffic log
      bevdrive simulate --source nuscenes --dataroot /data/sets/nuscenes --split mini_val
      bevdrive simulate --preset configs/simulate/nonreactive.yaml --planner idm
      bevdrive simulate --resume runs/latest

    Exit codes: 0 all well; 1 some scenarios were skipped, or a worker died; 2 wrong input;
    130 interrupted.
    """

    source: str = "procedural"
    """procedural (generated), scenarionet, nuscenes or argoverse2 (recorded), or saved (by
    `bevdrive save`)"""
    path: Path | None = None
    """sources scenarionet and saved: a file, or a folder of them; argoverse2: a log, or a folder
    of logs"""
    families: tuple[str, ...] = ()
    """source procedural, by space or comma; none named: all of straight, curve,
    signalized_junction, unsignalized_junction, left_turn, t_junction, roundabout, merge,
    lane_closure, narrow_street, crosswalk, jam"""
    count: int | None = None
    """how many scenarios; not given: 32 generated ones, or all that a folder holds"""
    split: str = "val"
    """source procedural: train, val or test (disjoint seeds); source nuscenes: mini_train, mini_val,
    train, val, test, or a name in <dataroot>/<version>/splits.json"""
    dataroot: Path | None = None
    """source nuscenes: the folder that holds the versions, maps, samples"""
    version: str = "v1.0-mini"
    """source nuscenes: v1.0-mini, v1.0-trainval, v1.0-test, or another folder of tables"""
    cache: Path | None = None
    """source nuscenes: where converted scenes are kept; not given: ~/.cache/bevdrive"""
    seed: int = 0
    """seed of the generator"""
    duration_s: float = 15.0
    """length of a generated scenario; a recorded one keeps its own"""
    planner: tuple[str, ...] = ("pdm",)
    """one or more of constant_velocity, idm, log_replay, pdm, by space or comma"""
    traffic: str = "idm"
    """idm (reactive) or log (replay of the recording)"""
    name: str | None = None
    """name of the run folder; not given: date and time"""
    out: Path = Path("runs")
    """where run folders go"""
    videos: int = 2
    """videos of the worst scenarios, per planner"""
    batch_size: int = 16
    """worlds per batch"""
    workers: int = -1
    """processes (-1: one per core; 0: none, for debugging); the results do not depend on it"""


def check_choices(config: SimulateConfig) -> None:
    """Raise ValueError naming the option, its choices and the nearest one."""
    from sim.sources import SOURCES

    one_of("--source", config.source, SOURCES)
    one_of("--traffic", config.traffic, _TRAFFIC)
    if config.source != "nuscenes":
        one_of("--split", config.split, ("train", "val", "test"))
        if config.dataroot is not None:
            raise ValueError("--dataroot: only for --source nuscenes")
    for planner in config.planner:
        one_of("--planner", planner, _PLANNERS)
    if not config.planner:
        raise ValueError("--planner: name at least one")
    if len(set(config.planner)) < len(config.planner):
        raise ValueError("--planner: the same one twice")
    lowest = {"count": 1, "batch_size": 1, "duration_s": 1, "videos": 0, "seed": 0, "workers": -1}
    for option, least in lowest.items():
        value = getattr(config, option)
        if value is not None and not least <= value < math.inf:
            raise ValueError(f"--{option.replace('_', '-')}: must be at least {least}, not {value}")
    if config.path is not None and config.source in ("procedural", "nuscenes"):
        raise ValueError(f"--path: not for --source {config.source}")
    if config.families:
        from sim.sources.procedural import FAMILIES

        for family in config.families:
            one_of("--families", family, FAMILIES)


def from_yaml(path: Path, base: SimulateConfig) -> SimulateConfig:
    """`base` with the fields of a YAML preset; ValueError names the file and what is wrong."""
    import yaml

    if not path.is_file():
        raise ValueError(f"{path}: no such preset")
    try:
        values = yaml.safe_load(path.read_text()) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: a preset is a list of `field: value` lines")
    return from_dict(values, base, str(path))


def from_dict(values: dict[str, Any], base: SimulateConfig, where: str) -> SimulateConfig:
    """`base` with some fields replaced; ValueError for an unknown field or a value of wrong type."""
    types = {f.name: f.type for f in fields(SimulateConfig)}
    for key in values:
        one_of(f"{where}: field", key, tuple(types))
    return replace(base, **{k: _typed(v, types[k], f"{where}: {k}") for k, v in values.items()})


def to_plain(config: SimulateConfig) -> dict[str, Any]:
    """The config as YAML can hold it."""
    plain = dict(vars(config))
    for key, value in plain.items():
        if isinstance(value, Path):
            plain[key] = str(value)
        elif isinstance(value, tuple):
            plain[key] = list(value)
    return plain


def _typed(value: Any, wanted: Any, where: str) -> Any:
    """A YAML value as a field holds it: texts become paths, lists tuples, whole numbers floats."""
    if wanted == tuple[str, ...]:
        value = tuple(value) if isinstance(value, list) else (value,)
        fits = all(isinstance(v, str) for v in value)
        wanted = "a name or a list of names"
    else:
        kinds = get_args(wanted) or (wanted,)
        if Path in kinds and isinstance(value, str):
            value = Path(value)
        if float in kinds and type(value) is int:
            value = float(value)
        fits = isinstance(value, kinds) and not isinstance(value, bool)
        wanted = " or ".join("nothing" if k is type(None) else k.__name__ for k in kinds)
    if not fits:
        raise ValueError(f"{where}: expected {wanted}, got {value!r}")
    return value
