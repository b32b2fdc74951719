"""Columns of feather and parquet files (Argoverse 2)."""

from pathlib import Path
from typing import Any

import numpy as np

from sim.errors import InputError

_KINDS = {
    "f": "numbers",
    "i": "whole numbers",
    "U": "texts",
}


def read_columns(path: Path, kinds: dict[str, str]) -> dict[str, np.ndarray]:
    """Columns of a feather or parquet file; `kinds`, by name: f (numbers), i (whole ones), U (texts).

    InputError names the file, the column, and what is wrong: a file that is not whole (its buffers
    are looked at before anything is read from them), a column that is missing, of another type or
    with empty cells.
    """
    import pyarrow
    import pyarrow.feather
    import pyarrow.parquet

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    form = "parquet" if path.suffix == ".parquet" else "feather"
    try:
        if form == "parquet":
            table = pyarrow.parquet.read_table(path)
        else:
            table = pyarrow.feather.read_table(path, memory_map=False)
        table.validate(full=True)
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: not a whole {form} file: {reason}") from None
    missing = [name for name in kinds if table.column_names.count(name) != 1]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)} (there are {', '.join(table.column_names)})"
        )
    return {name: _column(path, name, table[name], kind) for name, kind in kinds.items()}


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
