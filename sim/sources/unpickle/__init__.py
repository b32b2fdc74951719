"""A pickle reader that admits numpy arrays and builtin containers, and nothing else.

The opcodes are carried out here, one by one (`opcodes.py`, `machine.py`): nothing that a file names is
imported or called, and an array is made from its bytes, never by numpy's own `__setstate__` (which
trusts what it is told).
"""

from pathlib import Path
from typing import Any

from sim.errors import InputError
from sim.sources.unpickle.opcodes import run
from sim.sources.unpickle.parts import Refused
from sim.sources.unpickle.tree import finished

_MAX_FILE_BYTES = 1 << 30


def read_pickle(path: Path) -> Any:
    """The content of a pickle; InputError names the file and what is wrong with it."""
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise InputError(f"{path}: larger than {_MAX_FILE_BYTES >> 20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return finished(run(data))
    except Refused as refused:
        raise InputError(f"{path}: refused: the pickle asks for {refused}") from None
    except Exception as error:  # a damaged pickle raises nearly anything
        reason = (f"{type(error).__name__}: {error}".splitlines() or [""])[0]
        raise InputError(f"{path}: not a whole pickle ({reason})") from None
