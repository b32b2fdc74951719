"""The stack and the memo of a pickle, and what may be done with them."""

from typing import Any

from sim.array_files import array_of_bytes
from sim.sources.unpickle.parts import Array, Callable, DType, Mark, Refused

_MAX_SETS = 1_000_000
_NUMPY = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric",
          "numpy._core.numeric")  # fmt: skip
# What a file may call, by its name there: numpy's under any of its modules.
_KNOWN = {
    **{f"numpy.{name}": name for name in ("_reconstruct", "ndarray", "dtype", "scalar", "_frombuffer")},
    **{f"builtins.{name}": name for name in ("set", "frozenset", "list", "dict", "bytearray", "complex")},
    **{f"builtins.{name}": name for name in ("int", "float", "str", "bool")},  # of defaultdict(int)
    "builtins.long": "int",  # as protocol 2 calls it
    "builtins.bytes": "bytearray",  # bytes(): protocol 2 writes no bytes so
    "collections.OrderedDict": "dict",
    "collections.defaultdict": "dict",
    "_codecs.encode": "encode",
}  # fmt: skip


class Machine:
    """Stack, memo and what may still be allocated: arrays, copies and texts all come from the file."""

    def __init__(self, size: int) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self._left = 8 * size + 4096
        self._sets_left = _MAX_SETS

    def spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise Refused("more than its file can hold")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def push_set(self) -> None:
        self._sets_left -= 1  # an empty one takes two hundred times its opcode
        if self._sets_left < 0:
            raise Refused(f"more than {_MAX_SETS} sets")
        self.stack.append(set())

    def pop_marked(self) -> list[Any]:
        for k in range(len(self.stack) - 1, -1, -1):
            if isinstance(self.stack[k], Mark):
                taken = self.stack[k + 1 :]
                del self.stack[k:]
                return taken
        raise ValueError("no mark")

    def tuple_of(self, count: int) -> None:
        taken = self.stack[-count:]
        if len(taken) < count:
            raise IndexError("stack is empty")
        del self.stack[-count:]
        self.stack.append(tuple(taken))

    def append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise TypeError(f"append to {type(target).__name__}")
        target.extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise TypeError(f"items of {type(target).__name__}")
        for name, value in zip(items[::2], items[1::2], strict=True):
            target[key(name)] = value

    def add_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, set):
            raise TypeError(f"items added to {type(target).__name__}")
        target.update(map(key, items))

    def put(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def get(self, place: int) -> None:
        self.stack.append(self.memo[place])

    def find(self, module: str, name: str) -> None:
        module = {"__builtin__": "builtins"}.get(module, module)
        known = _KNOWN.get(f"{'numpy' if module in _NUMPY else module}.{name}")
        if known is None:
            raise Refused(f"{module}.{name}")
        self.stack.append(Callable(known))

    def find_named_on_stack(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise TypeError("a name that is no text")
        self.find(module, name)

    def reduce(self) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        if not (isinstance(called, Callable) and isinstance(arguments, tuple)):
            raise Refused("a call of what cannot be called")
        if called.name not in _CALLS:
            raise Refused(f"a call of {called.name}")
        self.stack.append(_CALLS[called.name](self, *arguments))

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, DType):
            target.build(state)
        elif isinstance(target, Array) and target.array is None:
            _, shape, dtype, column_major, content = state
            target.array = self.array(content, dtype, shape, bool(column_major))
        else:
            raise Refused(f"a state for {type(target).__name__.strip('_').lower()}")

    def array(self, content: Any, dtype: Any, shape: Any, column_major: bool) -> Any:
        if not isinstance(dtype, DType):
            raise Refused("an array without a dtype")
        if not isinstance(content, (bytes, bytearray)):
            raise Refused("an array of objects")
        self.spend(len(content))
        return array_of_bytes(bytes(content), dtype.made(), shape, column_major)

    def text_bytes(self, text: str = "", encoding: str = "latin1") -> bytes:
        """Bytes written as text (protocol 2)."""
        if encoding not in ("latin1", "latin-1"):
            raise Refused(f"_codecs.encode to {encoding}")
        self.spend(len(text))
        return text.encode("latin1")


def _elements(machine: Machine, given: Any = ()) -> list[Any]:
    if not isinstance(given, (list, tuple, set, frozenset)):
        raise Refused(f"a container made of {type(given).__name__}")
    machine.spend(8 * len(given))
    return list(given)


def _bytearray(machine: Machine, content: Any = b"", encoding: str = "latin1") -> bytes:
    if isinstance(content, bytes):
        machine.spend(len(content))
        return content
    return machine.text_bytes(content, encoding)


def _dict(machine: Machine, *made_of: Any) -> dict:
    for given in made_of:  # a default's maker means nothing here, pairs are those of OrderedDict
        if not isinstance(given, Callable) and given is not None and given != []:
            raise Refused("a dict made of something")
    return {}


def _dtype(machine: Machine, name: Any, *_: Any) -> DType:
    if not isinstance(name, str):
        raise Refused("a dtype without a name")
    return DType(name)


def _frombuffer(machine: Machine, content: Any, dtype: Any, shape: Any, order: Any) -> Any:
    return machine.array(content, dtype, shape, order == "F")


_CALLS: dict[str, Any] = {
    "_reconstruct": lambda machine, *_: Array(),
    "dtype": _dtype,
    "scalar": lambda machine, dtype, content: machine.array(content, dtype, (), False)[()],
    "_frombuffer": _frombuffer,
    "set": lambda machine, *given: {key(item) for item in _elements(machine, *given)},
    "frozenset": lambda machine, *given: frozenset(map(key, _elements(machine, *given))),
    "list": _elements,
    "dict": _dict,
    "bytearray": _bytearray,
    "complex": lambda machine, real, imaginary: complex(float(real), float(imaginary)),
    "encode": Machine.text_bytes,
}


def key(value: Any, inside: bool = False) -> Any:
    """A key of a dict, or a member of a set: a flat value, or a short tuple of them."""
    if isinstance(value, tuple) and not inside and len(value) < 100:
        return tuple(key(item, inside=True) for item in value)
    if value is None or isinstance(value, (str, int, float, bytes)):
        return value
    raise Refused(f"a key that is a {type(value).__name__.strip('_')}")
