"""From a query to the scenarios that it names, in a fixed order."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from sim.errors import InputError, one_of
from sim.remote import fetch
from sim.sources.files import walk
from sim.sources.query import SOURCES, ScenarioRef, SourceQuery

FILE_SOURCES = {
    ".scenario": "saved", ".pkl": "scenarionet", ".xml": "commonroad", ".parquet": "argoverse2_motion",
}  # fmt: skip
_COMMON = ("source", "scenario", "exclude", "tags", "not_tags", "seed", "count")  # of every source


def find(query: SourceQuery) -> list[ScenarioRef]:
    """The scenarios of a query, numbered from 0: what its source has, filtered, at most `count`.

    Tags are not looked at, and nothing is cut off where some are asked for: the scenarios have to be
    loaded for that (`sim.sources.tagged`). Raises InputError for an unknown source or tag, an option
    that this source does not know or that is out of range, for a name that fits nothing, and where
    nothing is left.
    """
    source = SOURCES.load(query.source)()
    _check_options(query, getattr(source, "options", None))
    refs = source.find(query)
    chosen = [refs[k] for k in select([ref.name for ref in refs], query.scenario, query.exclude)]
    count = None if query.tags or query.not_tags else query.count
    return [replace(ref, index=k) for k, ref in enumerate(chosen[:count])]


def select(names: Sequence[str], scenario: Sequence[str], exclude: Sequence[str]) -> list[int]:
    """Which of `names` are meant: those of `scenario` (none given: all) but those of `exclude`.

    A scenario may be called by its name, by that without folders and ending, or by the end of that,
    if it fits but one. Raises InputError for what fits none or several, and where nothing is left.
    """
    wanted = {_match("--scenario", asked, names) for asked in scenario} or set(range(len(names)))
    left = wanted - {_match("--exclude", asked, names) for asked in exclude}
    if not left:
        raise InputError("--exclude: leaves no scenario")
    return sorted(left)


def prepare(query: SourceQuery, refs: list[ScenarioRef]) -> Iterator[None]:
    """Do what this source does once, before the scenarios are loaded; a step for each of them."""
    source = SOURCES.load(query.source)()
    if hasattr(source, "prepare"):
        yield from source.prepare(query, refs)


def source_of(path: Path) -> str:
    """The source that reads what is at `path`; InputError where nothing is.

    A folder that holds several kinds: logs of Argoverse 2 before saved scenarios before pickles.
    """
    from sim.sources.argoverse2.source import find_logs

    if fetch(path).is_file() and path.suffix in FILE_SOURCES:
        return FILE_SOURCES[path.suffix]
    if path.is_dir():
        if find_logs(path):
            return "argoverse2"
        for suffix, source in FILE_SOURCES.items():
            if any(file.name.endswith(suffix) for file in walk(path)):
                return source
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    known = ", ".join(FILE_SOURCES)
    raise InputError(f"{path}: no scenario in it (Argoverse 2 logs, files ending in {known})")


def _check_options(query: SourceQuery, known: tuple[str, ...] | None) -> None:
    for field in fields(SourceQuery):
        given = getattr(query, field.name) != _default(query, field.name)
        if given and known is not None and field.name not in (*_COMMON, *known):
            option = field.name.replace("_", "-")
            raise InputError(f"--{option}: not for --source {query.source}")
    if query.tags or query.not_tags:
        from sim.tags import TAGS

        for option in ("tags", "not_tags"):
            for tag in getattr(query, option):
                one_of(f"--{option.replace('_', '-')}", tag, TAGS)
    for name, least in {"count": 1, "duration_s": 1, "seed": 0}.items():
        value = getattr(query, name)
        if value is not None and not least <= value < math.inf:
            raise InputError(f"--{name.replace('_', '-')}: must be at least {least}, not {value}")


def _default(query: SourceQuery, name: str) -> Any:
    """What a verb assumes where the option is not given: verbs differ in a few."""
    return next(field.default for field in fields(query) if field.name == name)


def _match(option: str, asked: str, names: Sequence[str]) -> int:
    """Number of the one name that is meant."""
    short = [_short(name) for name in names]
    for fits in (
        [k for k, name in enumerate(names) if name == asked],
        [k for k, name in enumerate(short) if name == asked],
        [k for k, name in enumerate(short) if name.endswith(asked)],
    ):
        if len(fits) > 1:
            listed = ", ".join(names[k] for k in fits[:4])
            raise InputError(f"{option}: {asked!r} fits {len(fits)} scenarios: {listed}")
        if fits:
            return fits[0]
    one_of(option, asked, short)
    raise AssertionError(f"{asked} is one of them, and fits none")


def _short(name: str) -> str:
    """A name without folders and ending."""
    short = name.rpartition("/")[2]
    for suffix in FILE_SOURCES:
        short = short.removesuffix(suffix)
    return short
