"""The restricted unpickler: what it reads, what it refuses, and how it says so."""

import os
import pickle
from collections import OrderedDict, defaultdict
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


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_arrays_are_what_they_were(tmp_path: Path, protocol: int) -> None:
    data = [
        np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)), np.array(["a", "longer"]),
        np.zeros((0, 3), dtype=np.float32), np.array([True, False]), np.float32(0.1),
        np.array(7), defaultdict(int, {"a": 1}), OrderedDict(b=2), {1, 2}, b"\xff\x00",
    ]  # fmt: skip
    path = tmp_path / "good.pkl"
    path.write_bytes(pickle.dumps(data, protocol=protocol))
    read = read_pickle(path)
    assert len(read) == len(data)
    for have, want in zip(read, data, strict=True):
        if isinstance(want, np.ndarray):
            np.testing.assert_array_equal(have, want)
            assert have.shape == want.shape and have.flags.writeable
        else:
            assert have == want


def _state(array: bytes, shape: bytes, content: bytes = b"C\x10" + bytes(16)) -> bytes:
    """A pickle of one array of float64 whose parts are given as opcodes."""
    dtype = (
        b"cnumpy\ndtype\n\x8c\x02f8\x85R(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    return array + b"(K\x01" + shape + dtype + b"\x89" + content + b"tb"


_MADE = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_state(_MADE, b"K\x02\x85"), None),
        (_state(_MADE, b"K\x03\x85"), "does not fit 16 bytes"),
        (_state(_MADE, b"J\xfe\xff\xff\xff\x85"), "not lengths"),
        (_state(_state(_MADE, b"K\x02\x85"), b"K\x02\x85"), "a state for array"),  # built twice
        (_state(_MADE, b"K\x02\x85", b"]q\x00(NNe"), "an array of objects"),
        (_MADE, "an array without content"),
        (b"cbuiltins\nrange\nJ\xff\xff\xff\x7f\x85R", "builtins.range"),
        (b"cbuiltins\nint\nK\x05\x85R", "a call of int"),
        (b"cbuiltins\nset\n}b", "a state for callable"),
        (b"c__main__\nx\n", "__main__.x"),
        (b"Nr\xff\xff\xff\xff0K\x01", None),  # place 4294967295 of the memo takes no room
        (b"\x96" + (1 << 50).to_bytes(8, "little"), "not a whole pickle"),
        (b"]" + b"\x85" * 200_000, "containers 60 deep"),
        (b"}" + b"K\x01" + b"\x85" * 200_000 + b"K\x01s", "a key that is a tuple"),
        (b"U\xff" + bytes(255) + b"q\x00" + b"0c_codecs\nencode\nh\x00\x85R" * 500, "can hold"),
    ],
)  # fmt: skip
def test_forged_files_reach_nothing(tmp_path: Path, content: bytes, reason: str | None) -> None:
    path = tmp_path / "forged.pkl"
    path.write_bytes(b"\x80\x04" + content + b".")
    if reason is None:
        read_pickle(path)
        return
    with pytest.raises(ValueError, match=rf"forged\.pkl: .*{reason}"):
        read_pickle(path)
