"""Worlds prepared on one machine and timed on another that has torch and numpy alone.

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

from sim.files import whole_file
from sim.sensors.lidar import Lidar
from sim.sensors.lidar_presets import LidarSpec
from sim.sensors.raster import Rasterizer, RasterSpec
from sim.sensors.suite import SensorSuite
from sim.traffic import make_traffic
from sim.world import World

_HEADER = "header"
_LEFT_OUT = {"scenarios", "traffic"}


def save(path: Path, world: World, sensors: SensorSuite) -> None:
    """Write both; of the scenarios nothing is kept but what has been made from them."""
    parts: dict[str, Any] = {"world": world}
    if sensors.rasterizer:
        parts["layers"] = sensors.rasterizer.layers
    if sensors.lidar:
        parts["static"] = sensors.lidar.static
    arrays: dict[str, np.ndarray] = {}
    described = {name: _pack(value, name, arrays) for name, value in parts.items()}
    arrays[_HEADER] = np.array(json.dumps(described))
    with whole_file(path) as scratch, scratch.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def load(
    path: Path, raster: RasterSpec, lidar: LidarSpec, device: str
) -> tuple[World, SensorSuite]:
    """The worlds and their sensors on `device`; ValueError where the file is none of `save`'s."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            described = json.loads(str(stored[_HEADER]))
            parts = {k: _unpack(v, k, stored) for k, v in described.items()}
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{path}: no snapshot of worlds ({error})") from None
    world, layers, static = (parts[k].to(device) for k in ("world", "layers", "static"))
    suite = SensorSuite(
        Rasterizer(raster, layers, float(world.size_m[..., :2].norm(dim=-1).max())),
        Lidar(lidar, static),
    )
    return world, suite


def _pack(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, Tensor):
        arrays[path] = value.numpy()
        return "tensor"
    if is_dataclass(value):
        kind = type(value)
        inner = {
            name: _pack(part, f"{path}.{name}", arrays)
            for name, part in vars(value).items()
            if name not in _LEFT_OUT
        }
        return {"class": f"{kind.__module__}:{kind.__qualname__}", "fields": inner}
    return {"value": value}


def _unpack(described: Any, path: str, stored: Any) -> Any:
    if described == "tensor":
        return torch.from_numpy(stored[path])
    if "value" in described:
        value = described["value"]
        return tuple(value) if isinstance(value, list) else value
    module, _, name = described["class"].partition(":")
    if not module.startswith("sim."):
        raise ValueError(f"unknown class {module}:{name}")
    kind = getattr(importlib.import_module(module), name)
    inner = {k: _unpack(v, f"{path}.{k}", stored) for k, v in described["fields"].items()}
    if kind is World:
        inner |= {"scenarios": [], "traffic": make_traffic("idm")}
    names = {f.name for f in fields(kind)}
    made = kind(**{k: v for k, v in inner.items() if k in names})
    vars(made).update({k: v for k, v in inner.items() if k not in names})  # cached properties
    return made
