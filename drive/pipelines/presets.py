"""Options as YAML holds them: presets, and the config of a run folder."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

from sim.errors import InputError, one_of
from sim.remote import fetch, localized, named
from sim.text_files import read_yaml

Config = TypeVar("Config")


def find_preset(folder: Path, name: str) -> Path:
    """The file of a preset: one of `folder` by its name, or any YAML file; InputError where there is none."""
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        one_of("--preset", name, names)
        return folder / f"{name}.yaml"
    if not fetch(path).is_file():
        raise InputError(f"--preset: {path}: no such file (presets by name: {', '.join(names)})")
    return path


def from_yaml(path: Path, base: Config) -> Config:
    """`base` with the fields of a YAML preset; InputError names the file and what is wrong."""
    return from_dict(read_yaml(path), base, str(path))


def from_dict(values: dict[str, Any], base: Config, where: str) -> Config:
    """`base` with some fields replaced; InputError for an unknown field or a value of wrong type."""
    types = {f.name: f.type for f in fields(base)}  # type: ignore[arg-type]
    for key in values:
        one_of(f"{where}: field", key, tuple(types))
    typed = {k: _typed(v, types[k], f"{where}: {k}") for k, v in values.items()}
    return replace(base, **typed)  # type: ignore[type-var]


def to_plain(config: Any) -> dict[str, Any]:
    """The fields of a config as YAML can hold them."""
    return {field.name: _plain(getattr(config, field.name)) for field in fields(config)}


def _plain(value: Any) -> Any:
    if isinstance(value, str | Path):
        return named(str(value))
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def _localized(value: Any) -> Any:
    """Folders in the place of URLs."""
    if isinstance(value, list):
        return [_localized(part) for part in value]
    return localized(value) if isinstance(value, str) else value


def _typed(value: Any, wanted: Any, where: str) -> Any:
    """A YAML value as a field holds it: texts become paths, lists tuples, whole numbers floats."""
    value = _localized(value)
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
        fits = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
        wanted = " or ".join("nothing" if k is type(None) else k.__name__ for k in kinds)
    if not fits:
        raise InputError(f"{where}: expected {wanted}, got {value!r}")
    return value
