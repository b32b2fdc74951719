"""Numpy's arrays and files of arrays, made from bytes whose number is compared first."""

import ast
import math
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from sim.errors import InputError

_MAX_DIMENSIONS = 8
_MAX_TEXT = 1024  # characters of an element
_MAX_BYTES = 1 << 30  # of the arrays of one file


def plain_dtype(name: str, order: str = "=") -> np.dtype:
    """Numbers, truth values or texts of fixed length; InputError for anything else.

    `name`: a kind and bytes (texts: characters), such as f8, b1, U12; `order`: < > | =.
    """
    kind, size = name[:1], name[1:]
    sizes = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8)}
    fits = size.isascii() and size.isdigit() and len(size) < 5
    if kind in ("U", "S"):
        fits = fits and 0 <= int(size) <= _MAX_TEXT
    else:
        fits = fits and int(size) in sizes.get(kind, ())
    if not fits or order not in ("<", ">", "|", "="):
        raise InputError(f"dtype {order}{name}: neither numbers, truth values nor short texts")
    return np.dtype(name).newbyteorder(order if order in "<>" else "=")


def array_of_bytes(
    content: bytes, dtype: np.dtype, shape: Any, column_major: bool = False
) -> np.ndarray:
    """An array of its own memory; InputError where shape and bytes do not fit each other."""
    if not isinstance(shape, tuple) or len(shape) > _MAX_DIMENSIONS:
        raise InputError("shape: not a tuple of a few whole numbers")
    for length in shape:
        if type(length) is not int or not 0 <= length <= _MAX_BYTES:
            raise InputError(f"shape {shape!r:.80}: not lengths")
    if math.prod(shape) * dtype.itemsize != len(content):
        raise InputError(f"shape {shape} of {dtype} does not fit {len(content)} bytes")
    if dtype.itemsize == 0 or len(content) == 0:
        return np.zeros(shape, dtype=dtype)
    if dtype.kind == "b":  # a truth value is 0 or 1, whatever the byte
        flat = np.frombuffer(content, dtype=np.uint8) != 0
    else:
        flat = np.frombuffer(content, dtype=dtype).astype(dtype.newbyteorder("="))
    if (
        dtype.kind == "U"
        and (np.frombuffer(content, dtype=f"{dtype.byteorder}u4") > 0x10FFFF).any()
    ):
        raise InputError("a text with characters that do not exist")
    return flat.reshape(shape, order="F" if column_major else "C")


def read_npy(path: Path) -> np.ndarray:
    """The array of a `.npy` file; InputError names the file and what is wrong."""
    try:
        return _array(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except InputError as error:
        raise InputError(f"{path}: not a whole array: {error}") from None


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a `.npz` file by name; InputError names the file and what is wrong."""
    arrays: dict[str, np.ndarray] = {}
    name = ""
    try:
        with zipfile.ZipFile(path) as file:
            members = file.infolist()
            if sum(member.file_size for member in members) > _MAX_BYTES:
                raise InputError(f"more than {_MAX_BYTES >> 20} MiB of arrays")
            for member in members:
                name = member.filename
                with file.open(member) as stream:
                    content = stream.read(member.file_size + 1)
                arrays[name.removesuffix(".npy")] = _array(content)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (
        zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError,
        OverflowError, IndexError, KeyError,
    ) as error:  # fmt: skip
        where = f" ({name!r:.60})" if name else ""
        raise InputError(f"{path}: not whole{where}: {error}") from None
    return arrays


def _array(content: bytes) -> np.ndarray:
    """The header is read as a literal and believed where the bytes agree."""
    stream = BytesIO(content)
    magic = stream.read(8)
    if magic[:6] != b"\x93NUMPY" or magic[6:] not in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
        raise InputError("no array of numpy's")
    length = int.from_bytes(stream.read(2 if magic[6] == 1 else 4), "little")
    if length > 10_000:
        raise InputError("a header of more than 10 kB")
    try:
        header = ast.literal_eval(stream.read(length).decode("latin1").strip())
        text, order, shape = (header[key] for key in ("descr", "fortran_order", "shape"))
    except (SyntaxError, ValueError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise InputError(f"its header cannot be read ({type(error).__name__})") from None
    if not isinstance(text, str):
        raise InputError("an array of records")
    dtype = plain_dtype(text.lstrip("<>|="), text[:1] if text[:1] in "<>|=" else "=")
    return array_of_bytes(stream.read(), dtype, shape, bool(order))
