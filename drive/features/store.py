"""Examples on disk: records of fixed size in shards, which many processes read through memory maps.

    collection.json      what was asked for; written first
    shards/00000.bin     records, one an example: every field of it, one after the other
    shards/00000.json    how many, their hash, of which scenarios; written when the shard is whole
    index.bin            of every example, its scenario and how many agents it has
    store.json           version, fields, shards and the hash of it all; written last

No pickle: a record is what `store.json` says, numbers and truth values in little-endian order.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from drive.features.example import Example
from drive.features.flat import numbers_of, tensors_of, tree_of
from sim.array_files import plain_dtype
from sim.errors import InputError
from sim.files import write_whole
from sim.remote import fetch
from sim.text_files import read_json_object

VERSION = 1
_COLLECTION, _INDEX, _STORE, _SHARDS = "collection.json", "index.bin", "store.json", "shards"
_INDEXED = np.dtype([("scenario", "<i4"), ("agents", "<i4")])
_STORED = {torch.float32: "f4", torch.int64: "i4", torch.bool: "b1", torch.uint8: "u1"}
_MAX_BYTES = 1 << 24  # of a record


@dataclass(frozen=True)
class Shard:
    """A file of `rows` examples; `scenario`: the ids that their numbers stand for, in this shard.

    `skipped`: scenarios that could not be used, and why.
    """

    name: str
    rows: int
    sha256: str
    scenario: list[str]
    skipped: list[dict[str, str]]


def begin_collection(folder: Path, asked: dict[str, Any]) -> None:
    """Note what is collected here; InputError where the folder holds another collection."""
    path = fetch(folder) / _COLLECTION
    wanted = {"version": VERSION, **asked}
    if not path.is_file():
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"--out: {folder} holds other things; choose a new folder")
        write_whole(path, json.dumps(wanted, indent=1) + "\n")
        return
    held = read_json_object(path)
    for name in wanted:
        if held.get(name) != wanted[name]:
            raise InputError(
                f"--out: {folder} holds another collection: {name} is {held.get(name)!r} there, "
                f"not {wanted[name]!r}"
            )


def has_shard(folder: Path, number: int) -> bool:
    """Whether that shard is there, whole."""
    return _shard_path(folder, number, ".json").is_file()


def write_shard(
    folder: Path,
    number: int,
    example: Example | None,
    scenario: list[str],
    skipped: list[dict[str, str]],
) -> None:
    """Store examples (None: there are none) as shard `number`: all of them, or nothing."""
    content, fields, constants = b"", {}, {}
    if example is not None:
        fields, constants = _fields_of(example), numbers_of(example)
        records = np.zeros(example.num, dtype=_record(fields))
        for name, tensor in tensors_of(example).items():
            records[name] = tensor.numpy()
        content = records.tobytes()
    write_whole(_shard_path(folder, number, ".bin"), content)
    told = {
        "rows": 0 if example is None else example.num,
        "sha256": hashlib.sha256(content).hexdigest(),
        "scenario": scenario,
        "skipped": skipped,
        "fields": fields,
        "constants": constants,
    }
    write_whole(_shard_path(folder, number, ".json"), json.dumps(told))


def finish_collection(folder: Path, shards: int) -> "Store":
    """Write `store.json` over all shards; InputError where none holds an example."""
    fetch(folder)  # what other machines collected
    told = [read_json_object(_shard_path(folder, k, ".json")) for k in range(shards)]
    filled = [shard for shard in told if shard["rows"]]
    if not filled:
        reasons = [entry["reason"] for shard in told for entry in shard["skipped"]]
        raise InputError(f"{folder}: no scenario could be used: {'; '.join(reasons[:3])}")
    schema = {name: filled[0][name] for name in ("fields", "constants")}
    for k, shard in enumerate(told):
        if shard["rows"] and {name: shard[name] for name in schema} != schema:
            raise InputError(f"{_shard_path(folder, k, '.json')}: not of the form of the others")
    listed = [
        {"name": f"{k:05d}", **{n: s[n] for n in ("rows", "sha256", "scenario", "skipped")}}
        for k, s in enumerate(told)
    ]
    asked = read_json_object(folder / _COLLECTION)
    whole = {"version": VERSION, "asked": asked, **schema, "shards": listed}
    text = json.dumps(whole, sort_keys=True)
    whole["hash"] = hashlib.sha256(text.encode()).hexdigest()[:16]
    record = _record(schema["fields"])
    maps = [_map(folder / _SHARDS / f"{s['name']}.bin", record, s["rows"]) for s in listed]
    write_whole(folder / _INDEX, np.concatenate([_indexed(m) for m in maps]).tobytes())
    write_whole(folder / _STORE, json.dumps(whole))
    return Store.open(folder)


@dataclass(frozen=True)
class Store:
    """Finished collections as one: `read` gives examples by number. Any number of processes may read it."""

    folders: tuple[Path, ...]
    hash: str
    constants: dict[str, float]
    shards: list[Shard]
    maps: list[np.ndarray]  # records of each shard, not loaded
    ends: Int[np.ndarray, " s"]  # number of the first example after each shard
    index: np.ndarray  # of each example its scenario in its shard, and how many agents it has

    @staticmethod
    def open(*folders: Path) -> "Store":
        """The examples of all of them, in that order.

        InputError where there are none, they are of another version or of different forms, or a shard is
        cut off.
        """
        stores = [_open(folder) for folder in folders]
        first = stores[0]
        for other in stores[1:]:
            same = (first.constants, first.maps[0].dtype) == (other.constants, other.maps[0].dtype)
            if not same:
                told = f"its examples are not of the form of those in {folders[0]}"
                raise InputError(f"{other.folders[0]}: {told}")
        text = "".join(store.hash for store in stores)
        return Store(
            folders,
            first.hash if len(stores) == 1 else hashlib.sha256(text.encode()).hexdigest()[:16],
            first.constants,
            [shard for store in stores for shard in store.shards],
            [records for store in stores for records in store.maps],
            np.cumsum([shard.rows for store in stores for shard in store.shards]),
            np.concatenate([store.index for store in stores]),
        )

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    @property
    def num_bytes(self) -> int:
        """Of all examples."""
        return sum(records.nbytes for records in self.maps)

    def read(self, numbers: Int[np.ndarray, " k"]) -> Example:
        """Examples by number, in that order; `Example.scenario` counts over all shards."""
        shard = np.searchsorted(self.ends, numbers, side="right")
        rows = numbers - (self.ends - [s.rows for s in self.shards])[shard]
        dtype = self.maps[0].dtype
        records = np.empty(len(numbers), dtype=dtype)
        for k in np.unique(shard):
            here = shard == k
            records[here] = self.maps[k][rows[here]]
        values: dict[str, Any] = {name: _tensor(records[name]) for name in dtype.names or ()}
        before = np.cumsum([0, *(len(s.scenario) for s in self.shards)])
        values["scenario"] = values["scenario"] + torch.from_numpy(before[shard])
        return tree_of(Example, values | self.constants)

    def require_sweeps(self) -> None:
        """InputError where the examples hold none."""
        if "sweeps" not in (self.maps[0].dtype.names or ()):
            raise InputError(
                f"{self.folders[0]}: holds no sweeps; collect it with bevdrive collect --sensors lidar"
            )

    def scenario_numbers(self) -> Int[np.ndarray, " n"]:
        """Of which scenario each example is."""
        before = np.cumsum([0, *(len(s.scenario) for s in self.shards)])
        return self.index["scenario"].astype(np.int64) + before[self.shard_numbers()]

    def shard_numbers(self) -> Int[np.ndarray, " n"]:
        """In which shard each example is."""
        return np.repeat(np.arange(len(self.shards)), [shard.rows for shard in self.shards])

    def agent_counts(self) -> Int[np.ndarray, " n"]:
        """How many others the ego knows of in each example."""
        return self.index["agents"].astype(np.int64)

    def scenario_ids(self) -> list[str]:
        """The ids that the numbers of scenarios stand for."""
        return [name for shard in self.shards for name in shard.scenario]


def _open(folder: Path) -> Store:
    path = fetch(folder) / _STORE
    if not path.is_file():
        if (folder / _COLLECTION).is_file():
            raise InputError(
                f"--data: {folder}: not collected to its end; give `bevdrive collect` again"
            )
        raise InputError(f"--data: {folder}: no store of examples (made by `bevdrive collect`)")
    told = read_json_object(path)
    if told.get("version") != VERSION:
        raise InputError(
            f"{path}: version {told.get('version')!r}, not {VERSION}; collect it again"
        )
    try:
        record = _record(told["fields"])
        shards = [Shard(**shard) for shard in told["shards"]]
        constants = {name: float(value) for name, value in told["constants"].items()}
        maps = [_map(folder / _SHARDS / f"{s.name}.bin", record, s.rows) for s in shards]
        ends = np.cumsum([shard.rows for shard in shards])
        index = _read_index(folder / _INDEX, maps)
        store = Store((folder,), told["hash"], constants, shards, maps, ends, index)
        if len(store):
            store.read(np.zeros(1, dtype=np.int64))
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: not the form of examples that this version reads ({error}); collect it again"
        ) from None
    return store


def _read_index(path: Path, maps: list[np.ndarray]) -> np.ndarray:
    """The index of a store; of one that has none, or one of other shards, from its records."""
    if path.is_file() and path.stat().st_size == sum(map(len, maps)) * _INDEXED.itemsize:
        return np.fromfile(path, dtype=_INDEXED)
    return np.concatenate([_indexed(records) for records in maps])


def _indexed(records: np.ndarray) -> np.ndarray:
    index = np.zeros(len(records), dtype=_INDEXED)
    if len(records):
        index["scenario"] = records["scenario"]
        index["agents"] = records["observation.agents.valid"].sum(axis=1)
    return index


def _fields_of(example: Example) -> dict[str, list]:
    """Name to type and shape of a row."""
    named = tensors_of(example)
    return {name: [_STORED[t.dtype], list(t.shape[1:])] for name, t in named.items()}


def _record(fields: dict[str, list]) -> np.dtype:
    """A record of these fields; InputError for what is none."""
    parts = []
    for name, (kind, shape) in fields.items():
        if not all(type(length) is int and 0 <= length <= _MAX_BYTES for length in shape):
            raise InputError(f"field {name}: shape {shape!r:.60} is none")
        parts.append((name, plain_dtype(kind, "<" if kind != "b1" else "|"), tuple(shape)))
    return np.dtype(parts)


def _map(path: Path, record: np.dtype, rows: int) -> np.ndarray:
    """The records of a file; InputError where it has not as many."""
    if not path.is_file():
        raise InputError(f"{path}: missing; collect it again")
    size = path.stat().st_size
    if size != rows * record.itemsize:
        raise InputError(
            f"{path}: cut off: {size} bytes, not {rows} records of {record.itemsize}; collect it again"
        )
    if rows == 0:
        return np.zeros(0, dtype=record)
    return np.memmap(path, dtype=record, mode="r")


def _tensor(values: np.ndarray) -> Tensor:
    tensor = torch.from_numpy(values.copy(order="C"))
    return tensor.long() if tensor.dtype == torch.int32 else tensor


def _shard_path(folder: Path, number: int, suffix: str) -> Path:
    return folder / _SHARDS / f"{number:05d}{suffix}"
