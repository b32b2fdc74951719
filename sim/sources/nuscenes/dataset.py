"""A nuScenes dataset on disk, read without the devkit: tables, splits, and what is missing."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from sim.errors import InputError
from sim.extras import require_installed
from sim.sources.nuscenes.records import TABLES, check_records
from sim.text_files import read_json


@dataclass(frozen=True)
class Dataset:
    """The dataset whose tables are `<dataroot>/<version>/*.json` (the names are the devkit's)."""

    dataroot: Path
    version: str

    @property
    def tables(self) -> Path:
        """The folder of the tables."""
        return self.dataroot / self.version

    def require(self) -> None:
        """Raise InputError where the folder, the version or a table is missing; names the choices."""
        if not self.dataroot.is_dir():
            raise InputError(f"--dataroot: {self.dataroot}: no such folder")
        if not self.tables.is_dir():
            there = [p.parent.name for p in sorted(self.dataroot.glob("*/scene.json"))]
            raise InputError(
                f"--version: {self.dataroot}: no version {_unknown(self.version, there, 'versions there')}"
            )
        missing = [
            f"{name}.json" for name in TABLES if not (self.tables / f"{name}.json").is_file()
        ]
        if missing:
            raise InputError(f"{self.tables}: missing tables: {', '.join(missing)}")

    def stamp(self) -> list[list[str | int]]:
        """Name, size and time of change of each file that scenarios are made from."""
        files = [self.tables / f"{name}.json" for name in TABLES]
        files += [self.tables / "splits.json", self.dataroot / "can_bus"]
        files += sorted((self.dataroot / "maps" / "expansion").glob("[!.]*.json"))
        found = [(file.name, file.stat()) for file in files if file.exists()]
        return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in found]

    def read_table(self, name: str) -> list[dict]:
        """The records of one table; InputError where the file or one of them is damaged."""
        file = self.tables / f"{name}.json"
        return check_records(file, read_json(file))

    def read_splits(self) -> dict[str, list[str]]:
        """Scene names by split: the devkit's splits, and those of `splits.json` beside the tables."""
        require_installed("--source nuscenes", "nuscenes")
        from nuscenes.utils.splits import create_splits_scenes

        file = self.tables / "splits.json"
        own = read_json(file) if file.is_file() else {}
        lists = own.values() if isinstance(own, dict) else [None]
        if not all(isinstance(x, list) and all(isinstance(n, str) for n in x) for x in lists):
            raise InputError(f"{file}: not lists of scene names by split")
        return own | create_splits_scenes()  # the devkit too prefers its own


def scenes_of_split(
    dataset: Dataset, splits: dict[str, list[str]], on_disk: dict[str, str], split: str
) -> list[str]:
    """The scene names of a split; `splits` and `on_disk` (name to token) are those of the dataset.

    InputError for an unknown split, or one with a scene that is not on disk.
    """
    whole = [name for name, scenes in splits.items() if scenes and on_disk.keys() >= set(scenes)]
    where = f"splits of {dataset.tables}"
    if split not in splits:
        raise InputError(f"--split: unknown {_unknown(split, whole, where)}")
    missing = [name for name in splits[split] if name not in on_disk]
    if missing:
        raise InputError(
            f"{dataset.tables / 'scene.json'}: {missing[0]} of split {split} is not there "
            f"({len(missing)} of its {len(splits[split])} scenes; {where}: {', '.join(whole)})"
        )
    return splits[split]


def _unknown(name: str, choices: list[str], what: str) -> str:
    near = difflib.get_close_matches(name, choices, 1, 0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{name!r}{hint} ({what}: {', '.join(choices) or 'none'})"
