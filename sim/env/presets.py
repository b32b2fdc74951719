"""What environments show: presets `vector`, `raster`, `lidar`, or anybody's own, and its space."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from gymnasium import spaces
from torch import Tensor

from sim.env.observations import (
    LIDAR,
    RASTER,
    STATE_FEATURES,
    VECTOR_FEATURES,
    encode_lidar,
    encode_raster,
    encode_vector,
)
from sim.errors import InputError, one_of
from sim.interface import Needs, Observation

Encode = Callable[[Observation], Tensor | dict[str, Tensor]]
"""What is made of the observations of a batch: a tensor, or some by name, a row a world."""


@dataclass(frozen=True)
class Preset:
    """One kind of observation: its space, what makes a batch of it, and what that needs to be given.

    `space` None: a box without bounds, of the shape of what `encode` returns.
    """

    space: spaces.Space | None
    encode: Encode
    needs: Needs

    def __post_init__(self) -> None:
        if not isinstance(self.space, (spaces.Space, type(None))):
            raise InputError(
                f"observation: space: expected a gymnasium Space, got {self.space!r:.60}"
            )
        if not callable(self.encode):
            raise InputError(f"observation: encode: expected a function, got {self.encode!r:.60}")
        if not isinstance(self.needs, Needs):
            raise InputError(f"observation: needs: expected a Needs, got {self.needs!r:.60}")


def _box(low: float, high: float, *shape: int) -> spaces.Box:
    return spaces.Box(low, high, shape, np.float32)


_STATE = _box(-1.0, 1.0, STATE_FEATURES)
_IMAGE = spaces.Box(0, 255, (len(RASTER.names), *RASTER.grid.shape), np.uint8)
_SWEEP = _box(0.0, 1.0, 2, LIDAR.num_rows, LIDAR.num_columns)
PRESETS = {
    "vector": Preset(_box(-1.0, 1.0, VECTOR_FEATURES), encode_vector, Needs(map=True)),
    "raster": Preset(
        spaces.Dict({"image": _IMAGE, "state": _STATE}), encode_raster, Needs(raster=RASTER)
    ),
    "lidar": Preset(
        spaces.Dict({"sweep": _SWEEP, "state": _STATE}), encode_lidar, Needs(lidar=LIDAR)
    ),
}


def preset_of(observation: Any) -> Preset:
    """The preset of that name, the given one, or one made of a function or an object that is called.

    That may say by an attribute `needs`, as planners do, what it has to be shown. Raises InputError for
    anything else.
    """
    if isinstance(observation, Preset):
        return observation
    if isinstance(observation, str):
        one_of("observation", observation, tuple(PRESETS))
        return PRESETS[observation]
    if isinstance(observation, type) or not callable(observation):
        raise InputError(
            f"observation: expected {', '.join(PRESETS)}, a Preset or a function, got {observation!r:.60}"
        )
    return Preset(None, cast(Encode, observation), getattr(observation, "needs", Needs()))


def as_arrays(encoded: Tensor | dict[str, Tensor]) -> np.ndarray | dict[str, np.ndarray]:
    """As environments and policies exchange them."""
    if isinstance(encoded, Tensor):
        return encoded.cpu().numpy()
    return {name: value.cpu().numpy() for name, value in encoded.items()}


def row_of(seen: Any, k: int) -> Any:
    """What world k of a batch sees."""
    if isinstance(seen, dict):
        return {name: value[k] for name, value in seen.items()}
    return seen[k]


def space_of(preset: Preset, encoded: Any, num_worlds: int) -> spaces.Space:
    """The space of one world; InputError where what was encoded for some does not lie in it."""
    tensors = tuple(encoded.values()) if isinstance(encoded, dict) else (encoded,)
    for tensor in tensors:
        if not isinstance(tensor, Tensor) or tensor.shape[:1] != (num_worlds,):
            got = list(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
            raise InputError(f"observation: expected tensors [{num_worlds}, ...], got {got}")
    first = row_of(as_arrays(encoded), 0)
    if preset.space is None:
        if not isinstance(first, dict):
            return _unbounded(first)
        return spaces.Dict({name: _unbounded(value) for name, value in first.items()})
    if not preset.space.contains(first):
        shapes = (
            {name: list(value.shape) for name, value in first.items()}
            if isinstance(first, dict)
            else list(first.shape)
        )
        raise InputError(
            f"observation: values, shapes ({shapes}) or types lie outside its space {preset.space}"
        )
    return preset.space


def _unbounded(value: np.ndarray) -> spaces.Box:
    if value.dtype != np.float32:
        raise InputError(f"observation: without a space it has to be float32, not {value.dtype}")
    return spaces.Box(-np.inf, np.inf, value.shape, np.float32)
