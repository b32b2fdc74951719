"""Scenarios that are files, or folders, below a folder."""

from pathlib import Path

from sim.errors import InputError
from sim.sources.query import ScenarioRef, SourceQuery


def require_path(query: SourceQuery) -> Path:
    """The path of a query; raises InputError where there is none."""
    if query.path is None:
        raise InputError(f"--path: source {query.source} needs a file or a folder")
    if not query.path.exists():
        raise InputError(f"{query.path}: no such file or folder")
    return query.path


def files_below(path: Path, suffix: str) -> list[Path]:
    """The files of a folder, sorted, or the one file; raises InputError where there are none."""
    if path.is_file():
        return [path]
    files = sorted(p for p in path.glob(f"**/*{suffix}") if "dataset_" not in p.name)
    if not files:
        raise InputError(f"{path}: no {suffix} files in this folder: 0 scenarios matched")
    return files


def refs_of(query: SourceQuery, files: list[Path]) -> list[ScenarioRef]:
    """Each called as it lies below the path of the query."""
    path = require_path(query)
    root = path.parent if files == [path] else path  # a file, or the folder of one log
    return [ScenarioRef(query.source, str(file.relative_to(root)), file) for file in files]
