"""What each record of the tables must hold: checked once, when the tables are read.

Field names and meanings: nuscenes-devkit, docs/schema_nuscenes.md; only fields that are used are listed.
"""

import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from sim.errors import InputError

_Check = Callable[[Any], bool]
Record = dict[str, Any]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _are_tokens(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_token, value))


def _is_yes_or_no(value: Any) -> bool:
    return isinstance(value, bool)


def _is_time(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62


def _are_numbers(value: Any, count: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == count
        and all(type(one) in (int, float) and abs(one) < math.inf for one in value)
    )


def _is_place(value: Any) -> bool:
    return _are_numbers(value, 3) and all(abs(one) <= _FAR_M for one in value)


def _is_size(value: Any) -> bool:
    return _are_numbers(value, 3) and all(0 < one <= _FAR_M for one in value)


def _is_rotation(value: Any) -> bool:
    return _are_numbers(value, 4) and 1e-6 < sum(abs(one) for one in value) < 1e6


_FAR_M = 1e7  # from the Earth's equator to its pole
_TOLD: dict[_Check, str] = {
    _is_text: "a text",
    _is_token: "a token",
    _are_tokens: "a list of tokens",
    _is_yes_or_no: "true or false",
    _is_time: "a time in microseconds",
    _is_place: "three numbers in metres",
    _is_size: "three positive numbers in metres",
    _is_rotation: "a quaternion (w, x, y, z) other than zero",
}
_FIELDS: dict[str, dict[str, _Check]] = {
    "category": {"name": _is_text},
    "attribute": {"name": _is_text},
    "visibility": {},
    "instance": {"category_token": _is_token},
    "sensor": {"channel": _is_text, "modality": _is_text},
    "calibrated_sensor": {
        "sensor_token": _is_token,
        "translation": _is_place,
        "rotation": _is_rotation,
    },
    "ego_pose": {"timestamp": _is_time, "translation": _is_place, "rotation": _is_rotation},
    "log": {"location": _is_text},
    "scene": {
        "name": _is_token,
        "log_token": _is_token,
        "first_sample_token": _is_token,
        "last_sample_token": _is_token,
    },
    "sample": {"timestamp": _is_time, "scene_token": _is_token, "next": _is_text},
    "sample_data": {
        "sample_token": _is_token,
        "ego_pose_token": _is_token,
        "calibrated_sensor_token": _is_token,
        "timestamp": _is_time,
        "filename": _is_text,
        "is_key_frame": _is_yes_or_no,
        "next": _is_text,
    },
    "sample_annotation": {
        "sample_token": _is_token,
        "instance_token": _is_token,
        "attribute_tokens": _are_tokens,
        "translation": _is_place,
        "size": _is_size,
        "rotation": _is_rotation,
        "prev": _is_text,
        "next": _is_text,
    },
    "map": {"filename": _is_text, "log_tokens": _are_tokens},
}
# By table: which fields name a record of which table; the text "" names none.
_LINKS: dict[str, dict[str, str]] = {
    "instance": {"category_token": "category"},
    "calibrated_sensor": {"sensor_token": "sensor"},
    "scene": {
        "log_token": "log",
        "first_sample_token": "sample",
        "last_sample_token": "sample",
    },
    "sample": {"scene_token": "scene", "next": "sample"},
    "sample_data": {
        "sample_token": "sample",
        "ego_pose_token": "ego_pose",
        "calibrated_sensor_token": "calibrated_sensor",
        "next": "sample_data",
    },
    "sample_annotation": {
        "sample_token": "sample",
        "instance_token": "instance",
        "attribute_tokens": "attribute",
        "prev": "sample_annotation",
        "next": "sample_annotation",
    },
}
TABLES = tuple(_FIELDS)


def check_records(file: Path, rows: Any) -> list[Record]:
    """The rows of a table, called by its file; InputError names file, record and field."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{file}: not a list of rows")
    fields = {"token": _is_token} | _FIELDS[file.stem]
    for number, row in enumerate(rows):
        for name, check in fields.items():
            if name not in row or not check(row[name]):
                raise InputError(f"{_where(file, number, row)}: {name}: {_told(row, name, check)}")
    return rows


def check_links(folder: Path, tables: dict[str, list[Record]]) -> None:
    """Raise InputError where a record names another one that is not there; of checked records."""
    tokens = {name: {row["token"] for row in rows} for name, rows in tables.items()}
    mapped = {token for row in tables["map"] for token in row["log_tokens"]}
    for number, row in enumerate(tables["log"]):
        if row["token"] not in mapped:
            where = _where(folder / "log.json", number, row)
            raise InputError(f"{where}: token: is in log_tokens of no record of map.json")
    for name, links in _LINKS.items():
        for number, row in enumerate(tables[name]):
            for field, target in links.items():
                lost = _lost(row[field], tokens[target])
                if lost is not None:
                    where = _where(folder / f"{name}.json", number, row)
                    raise InputError(f"{where}: {field}: {lost!r:.80} is not in {target}.json")


def _lost(named: str | list[str], there: Collection[str]) -> str | None:
    """The first token that names nothing."""
    if isinstance(named, list):
        return next((token for token in named if token not in there), None)
    return named if named and named not in there else None


def _where(file: Path, number: int, row: Record) -> str:
    return f"{file}: record {row.get('token', '')!s:.80} (number {number})"


def _told(row: Record, name: str, check: _Check) -> str:
    if name not in row:
        return f"is missing; expected {_TOLD[check]}"
    return f"{row[name]!r:.80} is not {_TOLD[check]}"
