"""The last step: the tree that a pickle leaves, with arrays in their places."""

from typing import Any

from sim.sources.unpickle.parts import Array, Callable, DType, Mark, Refused

_MAX_DEPTH = 60  # of containers in containers
_MAX_BYTES = 1 << 30  # of everything together, what is named several times as often


def finished(root: Any) -> Any:
    """The tree with arrays in the place of `Array`; raises `Refused` for what is no data."""
    return _Finishing().finish(root)[0]


class _Finishing:
    """Puts arrays in the place of `Array`; a container that is met again is shared.

    What is shared counts each time: whoever copies the tree, or makes an array of a part, meets it so.
    """

    def __init__(self) -> None:
        self._made: dict[int, tuple[Any, int]] = {}
        self._kept: list[Any] = []  # tuples stay alive, so that their numbers are not given again

    def finish(self, value: Any, depth: int = 0) -> tuple[Any, int]:
        """What it becomes, and its bytes."""
        if isinstance(value, Array):
            if value.array is None:
                raise ValueError("an array without content")
            return value.array, value.array.nbytes + 100
        if isinstance(value, (DType, Callable, Mark)):
            raise Refused("something else than data")
        if not isinstance(value, (list, dict, tuple)):
            return value, 8 + (len(value) if isinstance(value, (str, bytes)) else 0)
        if id(value) in self._made:
            made, size = self._made[id(value)]
            if size < 0:
                raise Refused("a container in itself")
            return made, size
        if depth > _MAX_DEPTH:
            raise Refused(f"containers {_MAX_DEPTH} deep")
        self._made[id(value)] = value, -1
        self._kept.append(value)
        parts = [
            self.finish(item, depth + 1)
            for item in (value.values() if isinstance(value, dict) else value)
        ]
        size = 50 + sum(part[1] for part in parts)
        if size > _MAX_BYTES:
            raise Refused(f"more than {_MAX_BYTES >> 20} MiB")
        items = (part[0] for part in parts)
        made: Any = value
        if isinstance(value, list):
            value[:] = items
        elif isinstance(value, dict):
            value.update(zip(value, items, strict=True))
        else:
            made = tuple(items)
        self._made[id(value)] = made, size
        return made, size
