"""Feather files as Arrow writes them, whole and forged."""

import struct
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import feather

from sim.errors import InputError
from sim.feather import read_columns

X = np.arange(40_000, dtype=np.float64)


@pytest.mark.parametrize("compression", ["lz4", "zstd", "uncompressed"])
def test_reads_what_arrow_writes(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "table.feather"
    name = pyarrow.array(["a", "b"] * 20_000).dictionary_encode()
    table = pyarrow.table({"x": X, "name": name})
    feather.write_feather(table, path, compression=compression, chunksize=15_000)
    columns = read_columns(path, {"x": "f", "name": "U"})
    np.testing.assert_array_equal(columns["x"], X)
    assert list(columns["name"][:3]) == ["a", "b", "a"]


def test_a_buffer_that_claims_more_than_there_can_be_is_refused_before_it_is_made(
    tmp_path: Path,
) -> None:
    path = tmp_path / "table.feather"
    feather.write_feather(pyarrow.table({"x": X}), path, compression="lz4")
    data = path.read_bytes()
    told = struct.pack("<q", X.nbytes)  # stands before its buffer
    assert data.count(told) == 1
    path.write_bytes(data.replace(told, struct.pack("<q", 1 << 61)))
    with pytest.raises(InputError, match=rf"table.feather: .* would become {1 << 61}"):
        read_columns(path, {"x": "f"})


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.feather"
    path.write_bytes(b"FEA1" + bytes(100))
    with pytest.raises(InputError, match="does not begin as one"):
        read_columns(path, {"x": "f"})
