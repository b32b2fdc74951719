"""Simulators prepared on one machine and timed on another that has torch and numpy alone.

Making worlds needs shapely, scipy and the sources; stepping them does not. A snapshot is an .npz
file: the tensors of the dataclasses by their path, and beside each dataclass its class.
"""

import importlib
import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sim.errors import InputError
from sim.files import whole_file
from sim.simulator import Simulator

_HEADER = "header"
_ROOT = "simulator"


def save(path: Path, simulator: Simulator) -> None:
    """Write it all; of the scenarios nothing is kept but what has been made from them."""
    arrays: dict[str, np.ndarray] = {}
    arrays[_HEADER] = np.array(json.dumps(_describe(simulator, _ROOT, arrays)))
    with whole_file(path) as scratch, scratch.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def load(path: Path, device: str) -> Simulator:
    """The simulator on `device`; `InputError` where the file is none of `save`'s."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            simulator = _rebuild(json.loads(str(stored[_HEADER])), _ROOT, stored)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"--prepared: {path}: no snapshot of worlds ({error})") from None
    return simulator.to(device)


def _describe(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, Tensor):
        arrays[path] = value.numpy()
        return "tensor"
    if is_dataclass(value):
        kind = type(value)
        inner = {
            f.name: _describe(getattr(value, f.name), f"{path}.{f.name}", arrays)
            for f in fields(value)
        }
        return {"class": f"{kind.__module__}:{kind.__qualname__}", "fields": inner}
    return {"value": [] if path.endswith(".scenarios") else value}


def _rebuild(described: Any, path: str, stored: Any) -> Any:
    if described == "tensor":
        return torch.from_numpy(stored[path])
    if "value" in described:
        value = described["value"]
        return tuple(value) if isinstance(value, list) and value else value
    module, _, name = described["class"].partition(":")
    if not module.startswith("sim."):
        raise InputError(f"unknown class {module}:{name}")
    kind = getattr(importlib.import_module(module), name)
    return kind(**{k: _rebuild(v, f"{path}.{k}", stored) for k, v in described["fields"].items()})
