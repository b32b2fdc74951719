"""Trees of tensors as tables: every tensor by its path, and the tree again from that."""

from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_type_hints

from torch import Tensor

from sim import trees

Tree = TypeVar("Tree")


def tensors_of(tree: Any) -> dict[str, Tensor]:
    """Every tensor by its path (`observation.ego.speed_mps`)."""
    return dict(trees.tensors(tree))


def numbers_of(tree: Any, path: str = "") -> dict[str, float]:
    """Every plain number by its path (`future.dt_s`)."""
    numbers: dict[str, float] = {}
    for f in fields(tree):
        value, name = getattr(tree, f.name), f"{path}{f.name}"
        if isinstance(value, int | float):
            numbers[name] = float(value)
        elif is_dataclass(value):
            numbers |= numbers_of(value, f"{name}.")
    return numbers


def tree_of(cls: type[Tree], values: dict[str, Any], path: str = "") -> Tree:
    """The `cls` whose tensors and numbers these are; fields that may be None are, where none are given.

    Raises KeyError for a field that is missing.
    """
    given: dict[str, Any] = {}
    hints = get_type_hints(cls)
    for f in fields(cls):  # type: ignore[arg-type]
        name = f"{path}{f.name}"
        if name in values:
            given[f.name] = values[name]
        elif any(key.startswith(f"{name}.") for key in values):
            kinds = get_args(hints[f.name]) or (hints[f.name],)
            inner: Any = next(kind for kind in kinds if is_dataclass(kind))
            given[f.name] = tree_of(inner, values, f"{name}.")
        elif f.default is MISSING:
            raise KeyError(name)
    return cls(**given)
