"""What a run folder's files hold, read back and looked at: each failure names the file and the field."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from eval.metrics.declaration import Metric
from eval.runs.results import DriveScores, ErrorNote, Results, compact
from sim.errors import DAMAGED, InputError, one_of
from sim.text_files import read_json, read_json_object

_ROWS_AT_ONCE = 1_000
UNKNOWN = -1  # the index of a drive whose table does not tell it
_MOST_INDEX = 10_000_000
_MOST = 1e100  # a mean of such values is finite
Row = TypeVar("Row")


def read_batch(path: Path) -> Results:
    """One finished batch; InputError names the file and what is wrong."""
    data = read_json(path)
    try:
        return Results(
            [_checked_drive(_row(DriveScores, one, "drives")) for one in data["drives"]],
            [_skipped(one) for one in data["skipped"]],
            [_error(one) for one in data["errors"]],
            _texts(data["privileged"], "privileged"),
        )
    except KeyError as error:
        raise InputError(f"{path}: field {error} is missing") from None
    except DAMAGED as error:
        raise InputError(f"{path}: not a batch of a run: {error}") from None


def read_summary(path: Path) -> Results:
    """What `metrics.json` tells but the drives; InputError names the file and what is wrong."""
    data = read_json(path)
    try:
        return Results(
            [],
            [_skipped(one) for one in data.get("skipped", [])],
            [_error(one) for one in data.get("errors", [])],
            _texts(data.get("privileged", []), "privileged"),
        )
    except DAMAGED as error:
        raise InputError(f"{path}: not the metrics of a run: {error}") from None


def read_benchmark(path: Path) -> dict[str, Any] | None:
    """Name, version and hash of the benchmark that `metrics.json` states; None: of none."""
    stated = read_json_object(path).get("benchmark")
    if stated is None:
        return None
    for name, kind in (("name", str), ("version", int), ("hash", str)):
        if not isinstance(stated, dict) or not isinstance(stated.get(name), kind):
            raise InputError(f"{path}: benchmark: expected name, version and hash")
    return stated


def read_drives(path: Path) -> list[DriveScores]:
    """The rows of `per_scenario.parquet`; InputError names the file and what is wrong."""
    import pyarrow
    import pyarrow.parquet as pq

    drives: list[DriveScores] = []
    place: dict[str, int] = {}

    def rows() -> Iterator[dict[str, Any]]:
        try:
            table = pq.read_table(path)
            table.validate(full=True)
            for part in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
                yield from part.to_pylist()
        except (pyarrow.ArrowException, OSError, *DAMAGED) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(f"{path}: not a whole table: {reason}") from None

    for number, row in enumerate(rows()):
        try:
            named = {name: row.pop(name) for name in ("scenario_id", "family", "planner", "tags")}
            index = row.pop("index", UNKNOWN)
            metrics = {name: value for name, value in row.items() if value is not None}
            drive = _checked_drive(DriveScores(**named, index=index, metrics=metrics))
            drives.append(compact(drive, place))
        except KeyError as error:
            raise InputError(f"{path}: no column {error}") from None
        except InputError as error:
            raise InputError(f"{path}: row {number}: {error}") from None
    return drives


def read_declared(path: Path) -> tuple[Metric, ...]:
    """What the metrics of a run declare; InputError names the file and what is wrong."""
    plain = read_json(path)
    try:
        for one in plain:
            _check_declared(one)
        return tuple(map(Metric.from_plain, plain))
    except KeyError as error:
        raise InputError(f"{path}: field {error} is missing") from None
    except DAMAGED as error:
        raise InputError(f"{path}: no declarations of metrics: {error}") from None


def _check_declared(plain: dict[str, Any]) -> None:
    """Types and choices of what `Metric.to_plain` gives."""
    failure, curve = plain["failure"], plain["curve"]
    texts = [plain[name] for name in ("key", "label", "source", "column", "unit")]
    if failure is not None:
        texts.append(failure["name"])
        _require_finite(f"{plain['key']!s:.60}: failure.bound", failure["bound"])
    if curve is not None:
        texts += [curve["label"], curve["unit"]]
        one_of(f"{plain['key']!s:.60}: curve.kind", curve["kind"], ("pass", "share", "value"))
    if not all(isinstance(text, str) for text in texts):
        raise InputError(f"{plain['key']!s:.60}: a field that is no text")
    if not isinstance(plain["higher_is_better"], bool):
        raise InputError(f"{plain['key']}: higher_is_better is not true or false")


def _row(kind: type[Row], plain: Any, where: str) -> Row:
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if not isinstance(plain, dict) or plain.keys() != names:
        raise InputError(f"{where}: expected {', '.join(sorted(names))}")
    return kind(**plain)


def _checked_drive(drive: DriveScores) -> DriveScores:
    for name in ("scenario_id", "family", "planner"):
        if not isinstance(getattr(drive, name), str):
            raise InputError(f"{name}: {getattr(drive, name)!r:.60} is no text")
    if not drive.planner or Path(drive.planner).name != drive.planner:
        raise InputError(f"planner: {drive.planner!r:.60} names no planner of a run")
    if type(drive.index) is not int or not UNKNOWN <= drive.index < _MOST_INDEX:
        raise InputError(f"index: {drive.index!r:.60} is no number of a scenario")
    _texts(drive.tags, "tags")
    if not isinstance(drive.metrics, dict):
        raise InputError("metrics: not values by name")
    for name, value in drive.metrics.items():
        _require_finite(f"{name} of {drive.scenario_id:.60}", value)
    return drive


def _require_finite(where: str, value: Any) -> None:
    if type(value) not in (int, float) or not abs(value) <= _MOST:
        raise InputError(f"{where}: {value!r:.60} is not a number")


def _skipped(plain: Any) -> dict[str, str]:
    if not isinstance(plain, dict) or not all(
        isinstance(plain.get(name), str) for name in ("scenario", "reason")
    ):
        raise InputError("skipped: expected scenario and reason, texts")
    return plain


def _texts(plain: Any, where: str) -> list[str]:
    if not isinstance(plain, list) or not all(isinstance(text, str) for text in plain):
        raise InputError(f"{where}: expected a list of texts")
    return plain


def _error(plain: Any) -> ErrorNote:
    note = _row(ErrorNote, plain, "errors")
    texts = [note.planner, note.reason, note.traceback, *_texts(note.scenarios, "errors.scenarios")]
    _texts(texts, "errors")
    return note
