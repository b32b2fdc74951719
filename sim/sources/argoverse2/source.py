"""Source `argoverse2`: sensor logs, a folder each."""

from pathlib import Path

from sim.errors import InputError
from sim.scenario import Scenario
from sim.sources.argoverse2 import read_scenario
from sim.sources.files import refs_of, require_path
from sim.sources.query import ScenarioRef, SourceQuery

_MARKS = ("annotations.feather", "annotations_with_ego.feather", "city_SE3_egovehicle.feather")


def find_logs(path: Path) -> list[Path]:
    """The log folders at `path`: itself, or those up to two folders down (split, log)."""
    for pattern in ("", "*/", "*/*/"):
        logs = {
            found.parent
            for mark in _MARKS
            for found in path.glob(pattern + mark)
            if not any(part.startswith(".") for part in found.relative_to(path).parts)
        }
        if logs:
            return sorted(logs)
    return []


class Argoverse2Source:
    """A log, or a folder of logs."""

    options = ("path",)

    def find(self, query: SourceQuery) -> list[ScenarioRef]:
        """Raises InputError where there are none."""
        path = require_path(query)
        if not path.is_dir():
            raise InputError(f"{path}: no such folder")
        logs = find_logs(path)
        if not logs:
            raise InputError(f"{path}: no Argoverse 2 log in this folder: 0 scenarios matched")
        return refs_of(query, logs)

    def load(self, ref: ScenarioRef) -> Scenario:
        """Raises InputError naming the file and what is wrong with it."""
        assert ref.path is not None
        return read_scenario(ref.path)
