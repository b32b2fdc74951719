"""Which playbacks go into a page: the worst drives of every column first, up to a budget of bytes."""

from dataclasses import dataclass, field
from itertools import zip_longest

from eval.report.columns import Column
from eval.report.measures import SCORE
from eval.report.playback import encode_drive, encode_scene
from eval.report.recording import Recording


@dataclass
class Playbacks:
    """Blocks by name; `index[scenario][column]` is `[scene, drive]`; `missing`: why some are not here."""

    blocks: dict[str, str] = field(default_factory=dict)
    index: dict[int, dict[int, list[str]]] = field(default_factory=dict)
    missing: str = ""


def embed(columns: list[Column], keys: list[str], budget_bytes: int) -> Playbacks:
    """Every drive of a scenario that is taken, until one does not fit. The same runs give the same.

    Raises InputError, naming the file, for a recording or a scenario that is not whole.
    """
    found = Playbacks()
    number = {key: k for k, key in enumerate(keys)}
    used, unrecorded, left_out = 0, 0, 0
    for key in _by_interest(columns, keys):
        drives = [(c, column) for c, column in enumerate(columns) if _is_recorded(column, key)]
        if not drives:
            unrecorded += 1
            continue
        if left_out:
            left_out += 1
            continue
        blocks, entry = _encode(drives, key, number[key])
        size = sum(map(len, blocks.values()))
        if used + size > budget_bytes:
            left_out += 1
            continue
        used += size
        found.blocks |= blocks
        found.index[number[key]] = entry
    found.missing = _missing(len(keys), unrecorded, left_out, budget_bytes)
    return found


def _encode(
    drives: list[tuple[int, Column]], key: str, scenario: int
) -> tuple[dict[str, str], dict[int, list[str]]]:
    """Blocks of one scenario; drives of the same scene share it."""
    blocks: dict[str, str] = {}
    entry: dict[int, list[str]] = {}
    scenes: dict[str, str] = {}
    paths: dict[object, str] = {}
    for c, column in drives:
        row = column.rows[key]
        if column.run.path not in paths:
            text = encode_scene(column.run.read_scenario(row.index))
            paths[column.run.path] = scenes.setdefault(text, f"scene-{scenario}-{len(scenes)}")
            blocks[paths[column.run.path]] = text
        drive = f"drive-{scenario}-{c}"
        recording = Recording.load(column.run.recording_path(column.planner, row.index))
        blocks[drive] = encode_drive(recording)
        entry[c] = [paths[column.run.path], drive]
    return blocks, entry


def _by_interest(columns: list[Column], keys: list[str]) -> list[str]:
    """The worst of each column in turn, then the second worst of each ..."""
    number = {key: k for k, key in enumerate(keys)}
    ranked = [
        sorted(
            (key for key in keys if key in column.rows),
            key=lambda key: (column.rows[key].metrics.get(SCORE, 0.0), number[key]),
        )
        for column in columns
    ]
    turns = (key for rank in zip_longest(*ranked) for key in rank if key is not None)
    return list(dict.fromkeys(turns))


def _is_recorded(column: Column, key: str) -> bool:
    row = column.rows.get(key)
    if row is None or row.index < 0:
        return False
    recording = column.run.recording_path(column.planner, row.index)
    return recording.is_file() and column.run.has_scenario(row.index)


def _missing(total: int, unrecorded: int, left_out: int, budget_bytes: int) -> str:
    parts = []
    if unrecorded == total:
        return "This run holds no recordings, so there are no playbacks: the tables are complete."
    if unrecorded:
        parts.append(f"{unrecorded} of {total} scenarios have no recording.")
    if left_out:
        parts.append(
            f"Playbacks of the {total - unrecorded - left_out} scenarios with the worst drives are "
            f"in this page ({budget_bytes / 1e6:.0f} MB at most); {left_out} more lie in the run folder."
        )
    return " ".join(parts)
