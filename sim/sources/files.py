"""Scenarios that are files, or folders, below a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from sim.errors import InputError
from sim.remote import fetch
from sim.sources.query import ScenarioRef, SourceQuery

_TABLES = ("dataset_summary.pkl", "dataset_mapping.pkl")  # what ScenarioNet keeps beside scenarios


def require_path(query: SourceQuery) -> Path:
    """The path of a query; raises InputError where there is none."""
    if query.path is None:
        raise InputError(f"--path: source {query.source} needs a file or a folder")
    if not fetch(query.path).exists():
        raise InputError(f"{query.path}: no such file or folder")
    return query.path


def files_below(path: Path, suffix: str) -> list[Path]:
    """The files of a folder, sorted, or the one file; raises InputError where there are none."""
    if path.is_file():
        return [path]
    files = sorted(p for p in walk(path) if p.name.endswith(suffix) and p.name not in _TABLES)
    if not files:
        raise InputError(f"{path}: no {suffix} files in this folder: 0 scenarios matched")
    return files


def walk(folder: Path) -> Iterator[Path]:
    """All files below a folder, those in linked folders too, but for hidden ones."""
    seen: set[str] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root, name) for name in sorted(names) if not name.startswith("."))


def refs_of(query: SourceQuery, files: list[Path]) -> list[ScenarioRef]:
    """Each called as it lies below the path of the query."""
    path = require_path(query)
    root = path.parent if files == [path] else path  # a file, or the folder of one log
    return [ScenarioRef(query.source, str(file.relative_to(root)), file) for file in files]
