"""What lies on the stack of a pickle beside plain values, until the tree is finished."""

from typing import Any

from sim.array_files import plain_dtype


class Refused(Exception):
    """What a pickle asks for and does not get."""


class Mark:
    """Where the items of a container begin."""


class Callable:
    """One of what a file may call, on the stack; never called by anything but `Machine`."""

    def __init__(self, name: str) -> None:
        self.name = name


class DType:
    """A dtype between its REDUCE and its BUILD, which tells the order of its bytes."""

    def __init__(self, name: str) -> None:
        self.name, self.order = name, "="

    def build(self, state: Any) -> None:
        """Take the order of bytes; `Refused` for records and for more than that."""
        if not (isinstance(state, tuple) and len(state) >= 2 and state[1] in ("<", ">", "|", "=")):
            raise Refused("a dtype of unknown form")
        if any(part is not None for part in state[2:5]):
            raise Refused("a structured dtype")
        self.order = state[1]

    def made(self) -> Any:
        """As numpy has it; InputError for another kind."""
        return plain_dtype(self.name, self.order)


class Array:
    """An array between its REDUCE and its BUILD; references to it are replaced at the end."""

    def __init__(self) -> None:
        self.array: Any = None
