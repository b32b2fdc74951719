"""Texts, JSON and YAML that somebody else wrote: bounded, and every failure names the file."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import InputError

if TYPE_CHECKING:
    import numpy as np

_MAX_DEPTH = 60  # of YAML
_MAX_BYTES = 1 << 31
_MAX_YAML_BYTES = 1 << 20  # presets and configs


def read_text(path: Path, max_bytes: int = _MAX_BYTES) -> str:
    """UTF-8, with or without a byte order mark; InputError names the file and what is wrong."""
    try:
        if path.stat().st_size > max_bytes:
            raise InputError(f"{path}: larger than {max_bytes >> 20} MiB")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8: byte {error.start}") from None


def read_json(path: Path) -> Any:
    """What a JSON file holds; InputError names the file and what is wrong."""
    try:
        return parse_json(read_text(path))
    except ValueError as error:
        told = str(error)
        raise InputError(told if told.startswith(str(path)) else f"{path}: {told}") from None


def read_json_object(path: Path) -> dict[str, Any]:
    """A JSON object; InputError names the file and what is wrong."""
    data = read_json(path)
    if not isinstance(data, dict):
        raise InputError(f"{path}: not a JSON object")
    return data


def parse_json(text: str) -> Any:
    """What a text holds; InputError where it is no JSON, or goes deeper than Python's stack."""
    try:
        return json.loads(text)
    except RecursionError:
        raise InputError(
            "not JSON that is read here: lists and objects are nested too deeply"
        ) from None
    except ValueError as error:
        raise InputError(f"not JSON: {error}") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Fields and values of a YAML file; InputError names the file and what is wrong.

    Aliases are refused: a few lines of them make more values than fit into memory.
    """
    import yaml

    text = read_text(path, _MAX_YAML_BYTES)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise InputError(f"{path}: line {event.start_mark.line + 1}: no aliases")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_DEPTH:
                raise InputError(f"{path}: more than {_MAX_DEPTH} levels deep")
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        reason = (getattr(error, "problem", None) or str(error)).splitlines()[0]
        raise InputError(f"{path}: not YAML: {where}{reason}") from None
    except InputError:
        raise
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise InputError(f"{path}: not YAML: {error}") from None  # such as a date that is none
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise InputError(f"{path}: not a list of `field: value` lines")
    return values


def read_numbers(path: Path, names: Sequence[str]) -> "dict[str, np.ndarray]":
    """Columns of a CSV file with a head line, as float64; InputError names the file and what is wrong."""
    import numpy as np

    lines = [line for line in csv.reader(read_text(path).splitlines()) if line]
    head = [name.strip() for name in lines[0]] if lines else []
    missing = [name for name in names if name not in head]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)} (there are {', '.join(head)})")
    where = [head.index(name) for name in names]
    try:
        values = np.array([[float(line[k]) for k in where] for line in lines[1:]])
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: not a table of numbers: {error}") from None
    return dict(zip(names, values.reshape(-1, len(names)).T, strict=True))
