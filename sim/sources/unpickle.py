"""A pickle reader that admits numpy arrays and builtin containers, and nothing else."""

import pickle
from pathlib import Path
from typing import Any

from sim.errors import InputError

_ARRAYS = {
    "_reconstruct", "ndarray", "dtype", "scalar", "_frombuffer",
    "float64", "float32", "int64", "int32", "bool_",
}  # fmt: skip
_MODULES = {
    "numpy", "numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric",
    "numpy._core.numeric",
}  # fmt: skip
_BUILTINS = {
    "set",
    "frozenset",
    "list",
    "dict",
    "tuple",
    "bytearray",
    "complex",
    "slice",
    "range",
    "int",
    "float",
    "str",
    "bool",
    "bytes",
}


class _Refused(Exception):
    pass


def _latin1_bytes(text: str, encoding: str) -> bytes:
    """What protocol 2 calls `_codecs.encode` for: bytes written as text."""
    if encoding not in ("latin1", "latin-1"):
        raise _Refused(f"_codecs.encode to {encoding}")
    return text.encode("latin1")


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return _latin1_bytes
        allowed = (module in _MODULES and name in _ARRAYS) or (
            module == "builtins" and name in _BUILTINS
        )
        allowed |= module == "collections" and name in ("OrderedDict", "defaultdict")
        if not allowed:
            raise _Refused(f"{module}.{name}")
        # Numpy 1 and 2 keep these under different names; ask for the one that is here.
        if module.startswith("numpy._core"):
            try:
                return super().find_class(module, name)
            except ModuleNotFoundError:
                return super().find_class(module.replace("numpy._core", "numpy.core"), name)
        return super().find_class(module, name)


def read_pickle(path: Path) -> Any:
    """The content of a pickle; InputError names the file and what is wrong with it."""
    try:
        with path.open("rb") as file:
            return _Unpickler(file).load()
    except _Refused as refused:
        raise InputError(f"{path}: refused: the pickle asks for {refused}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except Exception as error:  # a damaged pickle raises nearly anything
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(f"{path}: not a whole pickle ({reason})") from None
