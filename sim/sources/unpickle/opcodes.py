"""The opcodes of pickles, and what each does."""

import pickletools
from typing import Any

from sim.sources.unpickle.machine import Machine, key
from sim.sources.unpickle.parts import Mark, Refused

_MAX_OPCODES = 10_000_000  # some ten seconds


def run(data: bytes) -> Any:
    """What a pickle leaves on the stack; raises nearly anything where it is damaged."""
    machine = Machine(len(data))
    for number, (opcode, value, _) in enumerate(pickletools.genops(data)):
        if number >= _MAX_OPCODES:
            raise Refused(f"more than {_MAX_OPCODES} steps")
        if opcode.name == "STOP":
            return machine.stack.pop()
        if opcode.name in _VALUES:
            machine.stack.append(value)
        elif opcode.name in _ACTIONS:
            _ACTIONS[opcode.name](machine, value)
        else:
            raise Refused(f"opcode {opcode.name}")
    raise ValueError("no end")


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
    "MARK": lambda machine, _: machine.push(Mark()),
    "POP": lambda machine, _: machine.stack.pop(),
    "POP_MARK": lambda machine, _: machine.pop_marked(),
    "DUP": lambda machine, _: machine.push(machine.stack[-1]),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_SET": lambda machine, _: machine.push_set(),
    "LIST": lambda machine, _: machine.push(machine.pop_marked()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.pop_marked())),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "FROZENSET": lambda machine, _: machine.push(frozenset(map(key, machine.pop_marked()))),
    "APPEND": lambda machine, _: machine.append([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.pop_marked()),
    "SETITEM": lambda machine, _: machine.set_items([machine.stack.pop(-2), machine.stack.pop()]),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_marked()),
    "ADDITEMS": lambda machine, _: machine.add_items(machine.pop_marked()),
    "PUT": Machine.put,
    "BINPUT": Machine.put,
    "LONG_BINPUT": Machine.put,
    "MEMOIZE": lambda machine, _: machine.put(len(machine.memo)),
    "GET": Machine.get,
    "BINGET": Machine.get,
    "LONG_BINGET": Machine.get,
    "GLOBAL": lambda machine, value: machine.find(*value.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.find_named_on_stack(),
    "REDUCE": lambda machine, _: machine.reduce(),
    "BUILD": lambda machine, _: machine.build(),
}
