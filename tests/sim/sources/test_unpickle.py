"""The restricted unpickler: what it reads, what it refuses, and how it says so."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from sim.sources.unpickle import read_pickle


def test_reads_arrays_and_containers(tmp_path: Path) -> None:
    data = {"a": np.arange(6.0).reshape(2, 3), "b": [(1, "x")], "c": {2, 3}, "d": np.float64(1.5)}
    path = tmp_path / "good.pkl"
    path.write_bytes(pickle.dumps(data))
    read = read_pickle(path)
    np.testing.assert_array_equal(read.pop("a"), data.pop("a"))
    assert read == data


def test_reads_bytes_of_protocol_2(tmp_path: Path) -> None:
    path = tmp_path / "old.pkl"
    path.write_bytes(pickle.dumps(b"caf\xe9", protocol=2))
    assert b"_codecs" in path.read_bytes()
    assert read_pickle(path) == b"caf\xe9"
    path.write_bytes(path.read_bytes().replace(b"latin1", b"rot_13"))
    with pytest.raises(ValueError, match=r"old\.pkl: refused: .*_codecs\.encode to rot_13"):
        read_pickle(path)


class _Hostile:
    def __reduce__(self):
        return os.system, ("touch owned",)


def test_refuses_code_and_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps({"x": _Hostile()}))
    with pytest.raises(ValueError, match=r"bad\.pkl: refused: the pickle asks for posix\.system"):
        read_pickle(path)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps(list(range(1000)))[:-20]])
def test_damaged_files_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cut.pkl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"cut\.pkl: not a whole pickle"):
        read_pickle(path)
