"""Rows of a batch: what worlds have in common is a tree of dataclasses whose tensors are batch-first.

A dataclass with a field `row [B]` keeps its other tensors for all worlds to share and only picks.
"""

from dataclasses import fields, is_dataclass, replace
from typing import Any

from jaxtyping import Int
from torch import Tensor


def take(tree: Any, index: Int[Tensor, " k"]) -> Any:
    """The tree with rows `index` of every tensor; anything that is no tensor as it is."""
    if isinstance(tree, Tensor):
        return tree[index]
    if not is_dataclass(tree) or isinstance(tree, type):
        return tree
    names = [f.name for f in fields(tree)]
    moving = ["row"] if "row" in names else names
    return replace(tree, **{name: take(getattr(tree, name), index) for name in moving})


def put(into: Any, rows: Int[Tensor, " k"], source: Any, index: Int[Tensor, " k"]) -> None:
    """Write rows `index` of `source` over `rows` of `into`, in place; shared tensors stay."""
    if into is source:
        return
    if isinstance(into, Tensor):
        into[rows] = source[index]
    elif is_dataclass(into):
        for f in fields(into):
            put(getattr(into, f.name), rows, getattr(source, f.name), index)
