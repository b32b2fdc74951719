"""A pickle reader that admits numpy arrays and builtin containers, and nothing else.

The opcodes are carried out here, one by one: nothing that a file names is imported or called, and an
array is made from its bytes, never by numpy's own `__setstate__` (which trusts what it is told).
"""

import pickletools
from pathlib import Path
from typing import Any

from sim.array_files import array_of_bytes, plain_dtype
from sim.errors import InputError

_MAX_FILE_BYTES = 1 << 30
_MAX_DEPTH = 60  # of containers in containers
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


class _Refused(Exception):
    pass


class _Mark:
    pass


class _Callable:
    """One of `_KNOWN`, on the stack; never called by anything but `_Machine`."""

    def __init__(self, name: str) -> None:
        self.name = name


class _DType:
    """A dtype between its REDUCE and its BUILD, which tells the order of its bytes."""

    def __init__(self, name: str) -> None:
        self.name, self.order = name, "="

    def build(self, state: Any) -> None:
        if not (isinstance(state, tuple) and len(state) >= 2 and state[1] in ("<", ">", "|", "=")):
            raise _Refused("a dtype of unknown form")
        if any(part is not None for part in state[2:5]):
            raise _Refused("a structured dtype")
        self.order = state[1]

    def made(self) -> Any:
        return plain_dtype(self.name, self.order)


class _Array:
    """An array between its REDUCE and its BUILD; references to it are replaced at the end."""

    def __init__(self) -> None:
        self.array: Any = None


def read_pickle(path: Path) -> Any:
    """The content of a pickle; InputError names the file and what is wrong with it."""
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise InputError(f"{path}: larger than {_MAX_FILE_BYTES >> 20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return _Machine(len(data)).run(data)
    except _Refused as refused:
        raise InputError(f"{path}: refused: the pickle asks for {refused}") from None
    except Exception as error:  # a damaged pickle raises nearly anything
        reason = (f"{type(error).__name__}: {error}".splitlines() or [""])[0]
        raise InputError(f"{path}: not a whole pickle ({reason})") from None


class _Machine:
    """Stack, memo and what may still be allocated: arrays, copies and texts all come from the file."""

    def __init__(self, size: int) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._left = 8 * size + 4096

    def run(self, data: bytes) -> Any:
        for opcode, value, _ in pickletools.genops(data):
            if opcode.name == "STOP":
                return _finished(self._stack.pop())
            if opcode.name in _VALUES:
                self._stack.append(value)
                continue
            if opcode.name not in _ACTIONS:
                raise _Refused(f"opcode {opcode.name}")
            _ACTIONS[opcode.name](self, value)
        raise ValueError("no end")

    def spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise _Refused("more than its file can hold")

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def pop_marked(self) -> list[Any]:
        for k in range(len(self._stack) - 1, -1, -1):
            if isinstance(self._stack[k], _Mark):
                taken = self._stack[k + 1 :]
                del self._stack[k:]
                return taken
        raise ValueError("no mark")

    def tuple_of(self, count: int) -> None:
        taken = self._stack[-count:]
        if len(taken) < count:
            raise IndexError("stack is empty")
        del self._stack[-count:]
        self._stack.append(tuple(taken))

    def append(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise TypeError(f"append to {type(target).__name__}")
        target.extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise TypeError(f"items of {type(target).__name__}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_key(key)] = value

    def add_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, set):
            raise TypeError(f"items added to {type(target).__name__}")
        target.update(map(_key, items))

    def put(self, place: int) -> None:
        self._memo[place] = self._stack[-1]

    def get(self, place: int) -> None:
        self._stack.append(self._memo[place])

    def find(self, module: str, name: str) -> None:
        module = {"__builtin__": "builtins"}.get(module, module)
        known = _KNOWN.get(f"{'numpy' if module in _NUMPY else module}.{name}")
        if known is None:
            raise _Refused(f"{module}.{name}")
        self._stack.append(_Callable(known))

    def find_named_on_stack(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise TypeError("a name that is no text")
        self.find(module, name)

    def reduce(self) -> None:
        arguments, called = self._stack.pop(), self._stack.pop()
        if not (isinstance(called, _Callable) and isinstance(arguments, tuple)):
            raise _Refused("a call of what cannot be called")
        if called.name not in _CALLS:
            raise _Refused(f"a call of {called.name}")
        self._stack.append(_CALLS[called.name](self, *arguments))

    def build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, _DType):
            target.build(state)
        elif isinstance(target, _Array) and target.array is None:
            _, shape, dtype, column_major, content = state
            target.array = self.array(content, dtype, shape, bool(column_major))
        else:
            raise _Refused(f"a state for {type(target).__name__.strip('_').lower()}")

    def array(self, content: Any, dtype: Any, shape: Any, column_major: bool) -> Any:
        if not isinstance(dtype, _DType):
            raise _Refused("an array without a dtype")
        if not isinstance(content, (bytes, bytearray)):
            raise _Refused("an array of objects")
        self.spend(len(content))
        return array_of_bytes(bytes(content), dtype.made(), shape, column_major)

    def text_bytes(self, text: str = "", encoding: str = "latin1") -> bytes:
        """Bytes written as text (protocol 2)."""
        if encoding not in ("latin1", "latin-1"):
            raise _Refused(f"_codecs.encode to {encoding}")
        self.spend(len(text))
        return text.encode("latin1")


def _elements(machine: _Machine, given: Any = ()) -> list[Any]:
    if not isinstance(given, (list, tuple, set, frozenset)):
        raise _Refused(f"a container made of {type(given).__name__}")
    machine.spend(8 * len(given))
    return list(given)


def _bytearray(machine: _Machine, content: Any = b"", encoding: str = "latin1") -> bytes:
    if isinstance(content, bytes):
        machine.spend(len(content))
        return content
    return machine.text_bytes(content, encoding)


def _dict(machine: _Machine, *made_of: Any) -> dict:
    for given in made_of:  # a default's maker means nothing here, pairs are those of OrderedDict
        if not isinstance(given, _Callable) and given is not None and given != []:
            raise _Refused("a dict made of something")
    return {}


def _dtype(machine: _Machine, name: Any, *_: Any) -> _DType:
    if not isinstance(name, str):
        raise _Refused("a dtype without a name")
    return _DType(name)


def _frombuffer(machine: _Machine, content: Any, dtype: Any, shape: Any, order: Any) -> Any:
    return machine.array(content, dtype, shape, order == "F")


_CALLS: dict[str, Any] = {
    "_reconstruct": lambda machine, *_: _Array(),
    "dtype": _dtype,
    "scalar": lambda machine, dtype, content: machine.array(content, dtype, (), False)[()],
    "_frombuffer": _frombuffer,
    "set": lambda machine, *given: {_key(item) for item in _elements(machine, *given)},
    "frozenset": lambda machine, *given: frozenset(map(_key, _elements(machine, *given))),
    "list": _elements,
    "dict": _dict,
    "bytearray": _bytearray,
    "complex": lambda machine, real, imaginary: complex(float(real), float(imaginary)),
    "encode": _Machine.text_bytes,
}
_VALUES = {
    "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4",
    "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES -= _CONSTANTS.keys()
_ACTIONS: dict[str, Any] = {
    **{
        name: lambda machine, _, value=value: machine.push(value)
        for name, value in _CONSTANTS.items()
    },
    "PROTO": lambda machine, _: None,
    "FRAME": lambda machine, _: None,
    "MARK": lambda machine, _: machine.push(_Mark()),
    "POP": lambda machine, _: machine._stack.pop(),
    "POP_MARK": lambda machine, _: machine.pop_marked(),
    "DUP": lambda machine, _: machine.push(machine._stack[-1]),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_SET": lambda machine, _: machine.push(set()),
    "LIST": lambda machine, _: machine.push(machine.pop_marked()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.pop_marked())),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "FROZENSET": lambda machine, _: machine.push(frozenset(map(_key, machine.pop_marked()))),
    "APPEND": lambda machine, _: machine.append([machine._stack.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.pop_marked()),
    "SETITEM": lambda machine, _: machine.set_items([machine._stack.pop(-2), machine._stack.pop()]),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_marked()),
    "ADDITEMS": lambda machine, _: machine.add_items(machine.pop_marked()),
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": lambda machine, _: machine.put(len(machine._memo)),
    "GET": _Machine.get,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "GLOBAL": lambda machine, value: machine.find(*value.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.find_named_on_stack(),
    "REDUCE": lambda machine, _: machine.reduce(),
    "BUILD": lambda machine, _: machine.build(),
}


def _key(value: Any, depth: int = 0) -> Any:
    """A key of a dict, or a member of a set: a flat value, or tuples of them, not deep."""
    if isinstance(value, tuple) and depth < 4 and len(value) < 100:
        return tuple(_key(item, depth + 1) for item in value)
    if value is None or isinstance(value, (str, int, float, bytes)):
        return value
    raise _Refused(f"a key that is a {type(value).__name__.strip('_')}")


def _finished(root: Any) -> Any:
    """The tree with arrays in the place of `_Array`; a container that is met again is shared."""
    made: dict[int, Any] = {}

    def finish(value: Any, depth: int) -> Any:
        if isinstance(value, _Array):
            if value.array is None:
                raise ValueError("an array without content")
            return value.array
        if isinstance(value, (_DType, _Callable, _Mark)):
            raise _Refused("something else than data")
        if not isinstance(value, (list, dict, tuple)):
            return value
        if id(value) in made:
            return made[id(value)]
        if depth > _MAX_DEPTH:
            raise _Refused(f"containers {_MAX_DEPTH} deep")
        made[id(value)] = value
        if isinstance(value, list):
            value[:] = [finish(item, depth + 1) for item in value]
        elif isinstance(value, dict):
            for key, item in value.items():
                value[key] = finish(item, depth + 1)
        else:
            made[id(value)] = tuple(finish(item, depth + 1) for item in value)
            kept.append(value)
        return made[id(value)]

    kept: list[Any] = []  # tuples stay alive, so that their numbers are not given again
    return finish(root, 0)
