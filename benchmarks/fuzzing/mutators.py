"""Damage: of bytes, of any file; of fields, by the file's own format. The number alone decides."""

import json
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_ODD: tuple[Any, ...] = (
    None, "", "x", "x" * 5000, "../../x", "a\nb", "nan", b"\xff", 0, -1, 3, 2**31, 10**30, 0.0, -1.5,
    1e-30, 1e7, 5e9, 1e300, float("nan"), float("inf"), True, [], {}, [[]], [1, 2], {"a": 1}, (),
)  # fmt: skip
_DTYPES = ("f2", "f4", "f8", "i4", "i8", "u1", "bool", "U3", "complex64")
_ODD_TEXTS = (
    "", "x", "../../x", "nan", "-inf", "1e300", "-1", "0", "1e5", "3", "9999", "19000", "0.5", "9" * 400,
)  # fmt: skip
_DEEP = 100_000


def damage(case: Path, kind: str, number: int) -> None:
    """Damage one file of the input, by its fields or by its bytes."""
    draw = random.Random(f"{kind} {number}")
    files = sorted(p for p in case.rglob("*") if p.is_file() and p.suffix not in (".html", ".png"))
    path = draw.choice(files)
    by_fields = _BY_FIELDS.get(path.suffix)
    if by_fields is not None and draw.random() < 0.7:
        by_fields(path, draw)
    else:
        _bytes(path, draw)


def _bytes(path: Path, draw: random.Random) -> None:
    """Flipped bits, a cut, a hole, a piece twice, numbers that are sizes somewhere, or nonsense."""
    data = bytearray(path.read_bytes())
    way = draw.randrange(7)
    at = draw.randrange(len(data) or 1)
    if way == 0:
        for _ in range(draw.choice((1, 1, 3, 20))):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif way == 1:
        del data[at:]
    elif way == 2:
        data[at : at + draw.randrange(1, 200)] = b""
    elif way == 3:
        data[at:at] = data[at : at + 500]
    elif way == 4:
        data[at : at + 8] = draw.choice((b"\xff" * 8, b"\0" * 8, b"\0\0\0\0\0\0\0\x7f", b"\0" * 4))
    elif way == 5:
        data[at : at + 16] = bytes(draw.randrange(256) for _ in range(16))
    else:
        data = bytearray(draw.choice((b"", b"\xef\xbb\xbf" + data, b"[" * _DEEP, b"\0" * 100)))
    path.write_bytes(data)


def _pickle(path: Path, draw: random.Random) -> None:
    path.write_bytes(pickle.dumps(_edited(pickle.loads(path.read_bytes()), draw)))


def _json(path: Path, draw: random.Random) -> None:
    edited = _edited(json.loads(path.read_text()), draw)
    path.write_text(json.dumps(edited, default=str))


def _yaml(path: Path, draw: random.Random) -> None:
    import yaml

    edited = _edited(yaml.safe_load(path.read_text()), draw)
    text = yaml.dump(edited)
    if draw.random() < 0.2:
        text += draw.choice(("a: &a [x, x]\nb: [*a, *a]\n", "? [a]\n: b\n", "d: 2026-99-99\n"))
    path.write_text(text)


def _feather(path: Path, draw: random.Random) -> None:
    import pyarrow
    import pyarrow.feather as feather

    table = pyarrow.table(_columns(feather.read_table(path), draw))
    feather.write_feather(table, path)


def _parquet(path: Path, draw: random.Random) -> None:
    import pyarrow
    import pyarrow.parquet as pq

    pq.write_table(pyarrow.table(_columns(pq.read_table(path), draw)), path)


def _columns(table: Any, draw: random.Random) -> dict[str, Any]:
    """The columns of a table, one of them changed or gone."""
    columns = {name: table[name] for name in table.column_names}
    name = draw.choice(table.column_names)
    rows = len(table)
    way = draw.randrange(5)
    values = columns[name].to_pylist()
    if way == 0:
        del columns[name]
    elif way == 1:
        values[draw.randrange(rows)] = None
        columns[name] = values
    elif way == 2:
        columns[name] = draw.choice(
            ([{"a": 1}] * rows, ["x"] * rows, [[1.0]] * rows, [True] * rows)
        )
    elif way == 3:
        odd = draw.choice((0.0, -1.0, 1e30, float("nan"), float("inf"), 5e9))
        at = draw.randrange(rows)
        columns[name] = [odd if k == at else 0.5 for k in range(rows)]
    else:
        at = draw.randrange(rows)
        whole = isinstance(values[at], int)
        values[at] = draw.choice((0, -5, 2**31, 2**62)) if whole else draw.choice((1e9, -1e3, 0.0))
        has_text = any(isinstance(value, str) for value in values)
        columns[name] = ["y"] * rows if has_text else values
    return columns


def _npz(path: Path, draw: random.Random) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    name = draw.choice(sorted(arrays))
    way = draw.randrange(3)
    if way == 0:
        del arrays[name]
    elif way == 1:
        arrays[draw.choice(("extra", "curve:x", "dt_s"))] = np.zeros(3)
    else:
        arrays[name] = _odd_array(arrays[name], draw)
    np.savez_compressed(path, **arrays)


def _npy(path: Path, draw: random.Random) -> None:
    np.save(path, _odd_array(np.load(path), draw))


def _scenario(path: Path, draw: random.Random) -> None:
    """The tree in the header, or one of its arrays."""
    from safetensors import safe_open
    from safetensors.numpy import save

    with safe_open(path, framework="numpy") as file:
        header = dict(file.metadata())
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if draw.random() < 0.5:
        header["scenario"] = json.dumps(_edited(json.loads(header["scenario"]), draw), default=str)
    else:
        name = draw.choice(sorted(arrays))
        odd = _odd_array(arrays[name], draw)
        arrays[name] = np.ascontiguousarray(odd if odd.dtype.kind in "fiub" else arrays[name])
    path.write_bytes(save(arrays, header))


def _xml(path: Path, draw: random.Random) -> None:
    """One element without text, with another text or number, gone, twice, or deep."""
    from xml.etree import ElementTree

    root = ElementTree.parse(path).getroot()
    parents = [one for one in root.iter() if len(one)]
    parent = draw.choice(parents)
    child = draw.choice(list(parent))
    way = draw.randrange(5)
    if way == 0:
        parent.remove(child)
    elif way == 1:
        parent.append(child)
    elif way == 2 and child.attrib:
        child.attrib[draw.choice(list(child.attrib))] = draw.choice(_ODD_TEXTS)
    elif way == 3:
        for key in draw.sample(sorted(root.attrib), 1):
            root.attrib[key] = draw.choice(_ODD_TEXTS)
    else:
        leaf = draw.choice([one for one in root.iter() if not len(one)])
        leaf.text = draw.choice(_ODD_TEXTS)
    path.write_bytes(ElementTree.tostring(root))


def _edited(tree: Any, draw: random.Random) -> Any:
    """The tree with one place in it changed; the place is found by walking down at random."""
    here = tree
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return tree
        key = draw.choice(keys)
        inner = here[key]
        deeper = isinstance(inner, (dict, list)) and len(inner) > 0
        if deeper and draw.random() < 0.9:
            here = inner
            continue
        way = draw.randrange(4)
        if isinstance(inner, np.ndarray) and way:
            here[key] = _odd_array(inner, draw)
        elif way == 0 and isinstance(here, dict):
            del here[key]
        elif way == 1 and isinstance(here, list):
            here.append(inner)
        elif way == 2 and isinstance(here, dict):
            here[draw.choice(("", "x", "../x", "1"))] = inner
        else:
            here[key] = draw.choice(_ODD)
        return tree


def _odd_array(array: np.ndarray, draw: random.Random) -> np.ndarray:
    """Another shape, another type, or one value that is odd."""
    way = draw.randrange(4)
    if way == 0:
        if not array.ndim:
            return np.zeros(3)
        flat = array.reshape(-1)
        shapes = (array[:0], array[..., None], flat, array.T, np.concatenate((flat,) * 3))
        return draw.choice(shapes)
    if way == 1:
        with np.errstate(all="ignore"):
            return array.astype(draw.choice(_DTYPES))
    changed = array.copy().reshape(-1)
    if not len(changed):
        return array
    odd = draw.choice((0, -1, 1, 100, 30_000, 1e7, 5e9, 1e300, float("nan"), float("inf")))
    with np.errstate(all="ignore"):
        if changed.dtype.kind in "iu":
            odd = draw.choice((0, 1, 3, 100, 127))
        places = slice(None) if way == 2 else draw.randrange(len(changed))
        changed[places] = odd
    return changed.reshape(array.shape)


_BY_FIELDS: dict[str, Callable[[Path, random.Random], None]] = {
    ".pkl": _pickle,
    ".json": _json,
    ".xml": _xml,
    ".yaml": _yaml,
    ".feather": _feather,
    ".parquet": _parquet,
    ".npz": _npz,
    ".npy": _npy,
    ".scenario": _scenario,
}
