"""The pipeline behind `bevdrive save`: scenarios to files, a batch after the other."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from drive.pipelines.scenarios import find_scenarios
from sim.errors import InputError
from sim.files import file_name, write_whole
from sim.scenario_file import SUFFIX, scenario_bytes
from sim.sources.loading import load
from sim.sources.query import SourceQuery

BATCH = 16


@dataclass(frozen=True)
class Saved:
    """How many scenarios are there now, how many of them were there before; what was skipped, and why."""

    count: int
    unchanged: int
    skipped: list[dict[str, str]]


def save(query: SourceQuery, folder: Path) -> Saved:
    """One file per scenario, called by its id (one that comes again gets a number).

    Raises InputError where none can be used.
    """
    refs = find_scenarios(query)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--to: {folder}: cannot be made: {error.strerror}") from None
    count, unchanged, skipped = 0, 0, []
    met: Counter[str] = Counter()
    for first in range(0, len(refs), BATCH):
        loaded, failed = load(refs[first : first + BATCH])
        skipped += failed
        for _, scenario in loaded:
            name = file_name(scenario.scenario_id)
            met[name] += 1
            name += f"-{met[name]}" if met[name] > 1 else ""
            path, content = folder / f"{name}{SUFFIX}", scenario_bytes(scenario)
            if path.is_file() and path.read_bytes() == content:
                unchanged += 1
            else:
                write_whole(path, content)
        count += len(loaded)
    if not count:
        raise InputError(f"0 of {len(refs)} scenarios can be used: {skipped[0]['reason']}")
    return Saved(count, unchanged, skipped)
