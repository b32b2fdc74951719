"""Scenarios on disk: one safetensors file each, exact to the bit, no pickle.

Arrays are tensors of the file; everything else is a JSON tree in its header, in which an array is
named by its place among the tensors and an object met before by its number (agents share routes).
"""

import dataclasses
import json
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np

from sim import scenario as model
from sim.errors import InputError
from sim.files import write_whole
from sim.scenario import Scenario
from sim.scenario_check import require_valid
from sim.text_files import parse_json

SUFFIX = ".scenario"
_FORMAT = "bevdrive-scenario-1"
_CLASSES = {
    cls.__name__: cls
    for cls in vars(model).values()
    if isinstance(cls, type) and cls.__module__ == model.__name__
}


def save_scenario(scenario: Scenario, path: Path) -> None:
    """Write `path` whole or not at all."""
    write_whole(path, scenario_bytes(scenario))


def scenario_bytes(scenario: Scenario) -> bytes:
    """What `save_scenario` writes."""
    from safetensors.numpy import save

    writer = _Writer()
    header = {"format": _FORMAT, "scenario": json.dumps(writer.encode(scenario))}
    return _in_order(save(writer.arrays, header))


def _in_order(content: bytes) -> bytes:
    """The file with its header sorted: safetensors writes metadata in any order, each time another."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def load_scenario(path: Path) -> Scenario:
    """The saved scenario; InputError names the file and what is wrong with it."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a whole scenario file: {error}") from None
    if header.get("format") != _FORMAT:
        raise InputError(f"{path}: format {header.get('format')!r}, expected {_FORMAT!r}")
    try:
        scenario = _Reader(arrays).decode(parse_json(header["scenario"]))
        if not isinstance(scenario, Scenario):
            raise InputError("holds something else than a scenario")
        require_valid(scenario)
    except KeyError as error:
        raise InputError(f"{path}: {error} is missing") from None
    except RecursionError:
        raise InputError(f"{path}: its tree is too deep") from None
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        raise InputError(f"{path}: {error}") from None
    return scenario


class _Writer:
    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._seen: dict[int, int] = {}

    def encode(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            name = str(len(self.arrays))
            self.arrays[name] = np.ascontiguousarray(value)
            return {"array": name}
        if isinstance(value, IntEnum):
            return {"enum": type(value).__name__, "value": int(value)}
        if dataclasses.is_dataclass(value):
            if id(value) in self._seen:
                return {"same": self._seen[id(value)]}
            fields = {
                f.name: self.encode(getattr(value, f.name)) for f in dataclasses.fields(value)
            }
            self._seen[id(value)] = len(self._seen)
            return {"class": type(value).__name__, "fields": fields}
        if isinstance(value, tuple):
            return {"tuple": [self.encode(item) for item in value]}
        if isinstance(value, list):
            return [self.encode(item) for item in value]
        if value is None or isinstance(value, (str, bool, int, float)):
            return value
        if isinstance(value, np.generic):
            return value.item()
        raise TypeError(f"a scenario cannot hold {type(value).__name__}")


class _Reader:
    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self._arrays = arrays
        self._seen: list[Any] = []

    def decode(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.decode(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "array" in node:
            return self._arrays.pop(node["array"])  # each is one thing's alone
        if "enum" in node:
            return _CLASSES[node["enum"]](node["value"])
        if "same" in node:
            met = self._seen[node["same"]]
            if not isinstance(met, model.Route):
                raise InputError(f"one {type(met).__name__} in several places")
            return met
        if "tuple" in node:
            return tuple(self.decode(item) for item in node["tuple"])
        fields = {name: self.decode(item) for name, item in node["fields"].items()}
        made = _CLASSES[node["class"]](**fields)
        self._seen.append(made)
        return made
