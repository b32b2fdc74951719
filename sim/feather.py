"""Columns of feather and parquet files (Argoverse 2)."""

from pathlib import Path

import numpy as np

from sim.errors import InputError


def read_columns(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Columns of a feather file, or a parquet file; InputError names the file and what is wrong."""
    import pyarrow
    import pyarrow.feather
    import pyarrow.parquet

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    kind = "parquet" if path.suffix == ".parquet" else "feather"
    try:
        if kind == "parquet":
            table = pyarrow.parquet.read_table(path)
        else:
            table = pyarrow.feather.read_table(path, memory_map=False)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a whole {kind} file: {str(error).splitlines()[0]}") from None
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)} (there are {', '.join(table.column_names)})"
        )
    return {name: table[name].to_numpy() for name in names}
