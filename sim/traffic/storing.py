"""Trees of tensors that compiled code computes once: what concerns drivers is read for every agent."""

from typing import TypeVar

from sim import trees
from sim.compiling import materialize

Tree = TypeVar("Tree")


def stored(tree: Tree) -> Tree:
    """The same tree, materialized (`sim.compiling`)."""
    values = iter(materialize(*[tensor for _, tensor in trees.tensors(tree)]))
    return trees.map_tensors(lambda _: next(values), tree)
