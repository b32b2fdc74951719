"""Columns of feather and parquet files (Argoverse 2)."""

import struct
from pathlib import Path
from typing import Any

import numpy as np

from sim.errors import InputError

_MARK, _FIRST_MESSAGE = b"ARROW1", 8
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3  # of the union MessageHeader
_LARGEST_RATIO = 1000  # of a table to its file; LZ4 packs at most 255 to 1
_KINDS = {
    "f": "numbers",
    "i": "whole numbers",
    "U": "texts",
}


def read_columns(path: Path, kinds: dict[str, str]) -> dict[str, np.ndarray]:
    """Columns of a feather or parquet file; `kinds`, by name: f (numbers), i (whole ones), U (texts).

    InputError names the file, the column, and what is wrong: a file that is not whole, or says that
    it becomes far larger than it is; a column that is missing, of another type or with empty cells.
    """
    import pyarrow
    import pyarrow.parquet

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    form = "parquet" if path.suffix == ".parquet" else "feather"
    read = pyarrow.parquet.read_table if form == "parquet" else _read_feather
    try:
        table = read(path)
        table.validate(full=True)
    except (
        pyarrow.ArrowException, OSError, ValueError, OverflowError, MemoryError, struct.error
    ) as error:  # fmt: skip
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: not a whole {form} file: {reason}") from None
    missing = [name for name in kinds if table.column_names.count(name) != 1]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)} (there are {', '.join(table.column_names)})"
        )
    return {name: _column(path, name, table[name], kind) for name, kind in kinds.items()}


def _read_feather(path: Path) -> Any:
    """Its table. Raises ValueError, or what Arrow raises, where it is not whole.

    A feather file is a stream of messages between a mark and an index. It is read as the stream: the
    index may say anything. A compressed buffer begins with the size that it will have, for which Arrow
    asks the system at once; so those sizes are added up first.
    """
    import pyarrow

    data = path.read_bytes()
    if not data.startswith(_MARK):
        raise ValueError("it does not begin as one (version 2)")
    stream = pyarrow.py_buffer(data).slice(_FIRST_MESSAGE)
    size = 0
    for message in pyarrow.ipc.MessageReader.open_stream(pyarrow.BufferReader(stream)):
        if message.body is not None:
            size += _unpacked_bytes(memoryview(message.metadata), memoryview(message.body))
    if size > _LARGEST_RATIO * len(data):
        raise ValueError(f"{len(data)} bytes that would become {size}")
    return pyarrow.ipc.open_stream(stream).read_all()


def _unpacked_bytes(message: memoryview, body: memoryview) -> int:
    """Sizes that the compressed buffers of a message say they will have (Message.fbs of Arrow's format)."""
    root = _int("<I", message, 0)
    (kind,) = struct.unpack_from("<B", message, _field(message, root, 1) or 0)
    batch = _table(message, root, 2)
    if kind == _DICTIONARY_BATCH and batch:
        batch = _table(message, batch, 1)
    elif kind != _RECORD_BATCH:
        return 0
    if not batch or not _field(message, batch, 3):
        return 0  # not compressed: its buffers are parts of the body
    buffers = _table(message, batch, 2)
    size = 0
    for k in range(_int("<I", message, buffers) if buffers else 0):
        start, length = struct.unpack_from("<qq", message, buffers + 4 + 16 * k)
        if length >= 8:  # -1: this one is stored as it is
            size += max(0, _int("<q", body, start))
    return size


def _field(data: memoryview, table: int, number: int) -> int:
    """Where a field of a flatbuffer's table is; 0: it has none."""
    names = table - _int("<i", data, table)
    if 4 + 2 * number >= _int("<H", data, names):
        return 0
    offset = _int("<H", data, names + 4 + 2 * number)
    return table + offset if offset else 0


def _table(data: memoryview, table: int, number: int) -> int:
    """Where the table or vector is that a field points at; 0: none."""
    place = _field(data, table, number)
    return place + _int("<I", data, place) if place else 0


def _int(form: str, data: memoryview, place: int) -> int:
    return struct.unpack_from(form, data, place)[0]


def _column(path: Path, name: str, column: Any, kind: str) -> np.ndarray:
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    whole, text = types.is_integer(column.type), types.is_string(column.type)
    text = text or types.is_large_string(column.type)
    fits = {"f": whole or types.is_floating(column.type), "i": whole, "U": text}[kind]
    if not fits:
        raise InputError(f"{path}: column {name}: {column.type}, expected {_KINDS[kind]}")
    if column.null_count:
        row = column.is_null().to_numpy().argmax()
        raise InputError(f"{path}: column {name}: row {row} is empty")
    return column.to_numpy()
