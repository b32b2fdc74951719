"""What of a run goes into a page: the worst drives of every planner first, up to so many rows and bytes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import numpy as np

from eval.metrics.declaration import Metric
from eval.metrics.suite import RANKING
from eval.report.planner_runs import PlannerRun
from eval.report.playback import encode_drive, encode_scene
from eval.runs.drive_record import DriveRecord
from eval.runs.stored import UNKNOWN

MOST_ROWS = 10_000  # of the table of drives


def choose_listed(columns: list[PlannerRun], keys: list[str]) -> tuple[list[str], str]:
    """The scenarios that the page's table lists, in their order, and a sentence where these are not all.

    Half of them have the worst drives, the others are spread evenly over the rest, by score.
    """
    most = max(2, MOST_ROWS // len(columns))
    if len(keys) <= most:
        return keys, ""
    ranked = _by_interest(columns, keys)
    worst, rest = ranked[: most // 2], ranked[most // 2 :]
    spread = rest[:: -(-len(rest) // (most // 2))]
    chosen = {*worst, *spread}
    told = (
        f"The table lists {len(chosen)} of {len(keys)} scenarios: the {len(worst)} with the worst "
        f"drives, and {len(spread)} of the others. Means, intervals, failures and pairs are of all."
    )
    return [key for key in keys if key in chosen], told


@dataclass
class Playbacks:
    """Blocks by name; `index[scenario][column]` is `[scene, drive]`; `missing`: why some are not here."""

    blocks: dict[str, str] = field(default_factory=dict)
    index: dict[int, dict[int, list[str]]] = field(default_factory=dict)
    missing: str = ""


def choose_playbacks(
    columns: list[PlannerRun], keys: list[str], metrics: Sequence[Metric], budget_bytes: int
) -> Playbacks:
    """Every drive of a scenario that is taken, until one does not fit. The same runs give the same.

    Raises InputError, naming the file, for a drive or a scenario that is not whole.
    """
    found = Playbacks()
    number = {key: k for k, key in enumerate(keys)}
    used, unkept, left_out = 0, 0, 0
    for key in _by_interest(columns, keys):
        drives = [(c, column) for c, column in enumerate(columns) if _is_kept(column, key)]
        if not drives:
            unkept += 1
            continue
        if left_out:
            left_out += 1
            continue
        blocks, entry = _encode(drives, key, number[key], metrics)
        size = sum(map(len, blocks.values()))
        if used + size > budget_bytes:
            left_out += 1
            continue
        used += size
        found.blocks |= blocks
        found.index[number[key]] = entry
    found.missing = _missing(len(keys), unkept, left_out, budget_bytes)
    return found


def _encode(
    drives: list[tuple[int, PlannerRun]], key: str, scenario: int, metrics: Sequence[Metric]
) -> tuple[dict[str, str], dict[int, list[str]]]:
    """Blocks of one scenario; drives of the same scene share it."""
    blocks: dict[str, str] = {}
    entry: dict[int, list[str]] = {}
    scenes: dict[str, str] = {}
    of_runs: dict[Path, tuple[str, np.ndarray]] = {}
    for c, column in drives:
        index = column.drives[key].index
        if column.run.path not in of_runs:
            held = column.run.read_scenario(index)
            text = encode_scene(held)
            name = scenes.setdefault(text, f"scene-{scenario}-{len(scenes)}")
            of_runs[column.run.path] = name, held.tracks.size_m
            blocks[name] = text
        name, size_m = of_runs[column.run.path]
        drive = f"drive-{scenario}-{c}"
        record = DriveRecord.load(column.run.drive_path(column.planner, index))
        blocks[drive] = encode_drive(record, metrics, size_m)
        entry[c] = [name, drive]
    return blocks, entry


def _by_interest(columns: list[PlannerRun], keys: list[str]) -> list[str]:
    """The worst of each planner in turn, then the second worst of each ..."""
    number = {key: k for k, key in enumerate(keys)}
    ranked = [
        sorted(
            (key for key in keys if key in column.drives),
            key=lambda key: (column.drives[key].metrics.get(RANKING.key, 0.0), number[key]),
        )
        for column in columns
    ]
    turns = (key for rank in zip_longest(*ranked) for key in rank if key is not None)
    return list(dict.fromkeys(turns))


def _is_kept(column: PlannerRun, key: str) -> bool:
    drive = column.drives.get(key)
    if drive is None or drive.index == UNKNOWN:
        return False
    path = column.run.drive_path(column.planner, drive.index)
    return path.is_file() and column.run.has_scenario(drive.index)


def _missing(total: int, unkept: int, left_out: int, budget_bytes: int) -> str:
    parts = []
    if unkept == total:
        return "This run holds no drives, so there are no playbacks: the tables are complete."
    if unkept:
        parts.append(f"{unkept} of {total} scenarios have no drive in the run folder.")
    if left_out:
        parts.append(
            f"Playbacks of the {total - unkept - left_out} scenarios with the worst drives are "
            f"in this page ({budget_bytes / 1e6:.0f} MB at most); {left_out} more lie in the run folder."
        )
    return " ".join(parts)
