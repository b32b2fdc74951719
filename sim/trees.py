"""Trees of tensors: nested dataclasses whose tensors are batch-first, moved and cut as one thing.

Worlds, their states, traffic and sensors are such trees. A field declared with `shared()` is a table
that all worlds read, usually by a row index of their own: picking worlds leaves it as it is.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

Tree = TypeVar("Tree")
_SHARED = "shared between worlds"


def shared() -> Any:
    """Declare a field that does not have one row per world."""
    return field(metadata={_SHARED: True})


def map_tensors(function: Callable[[Tensor], Tensor], tree: Tree) -> Tree:
    """The tree with `function` of every tensor, shared ones included; all else as it is."""
    return _map(function, tree, with_shared=True)


def to(tree: Tree, device: torch.device | str) -> Tree:
    """The tree on `device`."""
    return map_tensors(lambda tensor: tensor.to(device), tree)


def take(tree: Tree, index: Int[Tensor, " k"]) -> Tree:
    """The tree with rows `index` of every tensor that is not shared."""
    return _map(lambda tensor: tensor[index], tree, with_shared=False)


def merged(function: Callable[[tuple[Tensor, ...]], Tensor], many: Sequence[Tree]) -> Tree:
    """The tree with `function` of what several trees have in each place; all else as the first has it."""
    columns = zip(*([tensor for _, tensor in tensors(tree)] for tree in many), strict=True)
    values = iter([function(column) for column in columns])
    return map_tensors(lambda _: next(values), many[0])


def put(into: Any, rows: Int[Tensor, " k"], source: Any, index: Int[Tensor, " k"]) -> None:
    """Write rows `index` of `source` over `rows` of `into`, in place; shared tensors stay."""
    for (_, target), (_, values) in zip(
        tensors(into, with_shared=False), tensors(source, with_shared=False), strict=True
    ):
        target[rows] = values[index]


def where(mask: Bool[Tensor, " b"], new: Tree, old: Tree) -> Tree:
    """Row by row that of `new` where `mask` holds, else that of `old`."""
    values = iter([tensor for _, tensor in tensors(new)])

    def pick(tensor: Tensor) -> Tensor:
        return torch.where(mask.reshape(-1, *(1,) * (tensor.ndim - 1)), next(values), tensor)

    return map_tensors(pick, old)


def tensors(tree: Any, with_shared: bool = True, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor and its path (`paths.frame`), in the order of the fields."""
    if isinstance(tree, Tensor):
        yield path, tree
    elif is_dataclass(tree) and not isinstance(tree, type):
        for f in fields(tree):
            if with_shared or _SHARED not in f.metadata:
                name, value = f"{path}.{f.name}" if path else f.name, getattr(tree, f.name)
                if isinstance(value, Tensor):  # a call for each would be most of the time
                    yield name, value
                else:
                    yield from tensors(value, with_shared, name)


def of_tensor_type(array: np.ndarray) -> np.ndarray:
    """The array as tensors hold it: numbers with single precision, whole numbers with 64 bits."""
    wanted = {"f": np.float32, "i": np.int64, "u": np.int64}.get(array.dtype.kind, array.dtype)
    return array.astype(wanted, copy=False)


def stack_padded(arrays: list[np.ndarray], fill: float | int = 0) -> Tensor:
    """Pad every axis to the largest, and stack: `[B, ...]`."""
    shape = tuple(max(a.shape[axis] for a in arrays) for axis in range(arrays[0].ndim))
    out = np.full((len(arrays), *shape), fill, dtype=arrays[0].dtype)
    for row, array in zip(out, arrays, strict=True):
        row[tuple(slice(0, n) for n in array.shape)] = array
    return torch.from_numpy(out)


def _map(function: Callable[[Tensor], Tensor], tree: Any, with_shared: bool) -> Any:
    if isinstance(tree, Tensor):
        return function(tree)
    if not is_dataclass(tree) or isinstance(tree, type):
        return tree
    changed = {}
    for f in fields(tree):
        if with_shared or _SHARED not in f.metadata:
            value = getattr(tree, f.name)
            is_leaf = isinstance(value, Tensor)  # a call for each would be most of the time
            mapped = function(value) if is_leaf else _map(function, value, with_shared)
            if mapped is not value:
                changed[f.name] = mapped
    return replace(tree, **changed) if changed else tree
