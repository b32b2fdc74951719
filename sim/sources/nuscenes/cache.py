"""The cache of converted scenes, with an index of scenes and splits that needs no devkit to be read.

It lies in `<cache>/nuscenes/<dataset>/<state>/`. `<dataset>` names dataroot and version; `<state>` is a
hash of the tables and maps as they are now and of this converter's version. Older states of a dataset
are removed.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.errors import InputError
from sim.files import file_name, write_whole
from sim.scenario import Scenario
from sim.scenario_file import SUFFIX, load_scenario
from sim.sources.nuscenes.dataset import Dataset, scenes_of_split
from sim.text_files import read_json_object, read_text

CONVERTER_VERSION = 4  # raise it with every change of what is converted
DEFAULT_CACHE = Path("~/.cache/bevdrive")


@dataclass(frozen=True)
class SceneFile:
    """A scene and the path of its scenario in the cache, whether it is converted or not."""

    name: str
    token: str
    path: Path

    @property
    def side_path(self) -> Path:
        """JSON with the sample tokens, attributes and sweeps of the scene (see `read_side`)."""
        return self.path.with_suffix(".json")

    @property
    def is_converted(self) -> bool:
        """Whether the cache has the scenario, or the reason why the scene cannot be used."""
        return self.path.is_file() or _reason_path(self.path).is_file()

    def write_reason(self, reason: str) -> None:
        """Keep in the cache why this scene cannot be used."""
        write_whole(_reason_path(self.path), reason)

    def read_side(self) -> dict[str, Any]:
        """What the scenario does not hold; InputError where the scene is not converted.

        `samples`: token and time (microseconds) of each key frame; `attributes`: by instance, numbers
        of key frames and names of attributes; `sweeps`: the rows that `sweep.make_sweeps` takes.
        """
        if not self.side_path.is_file():
            raise InputError(f"{self.side_path}: no such file: {self.name} is not converted")
        return read_json_object(self.side_path)


def load_converted(path: Path) -> Scenario:
    """A scenario of the cache; InputError with the reason where its scene cannot be used."""
    reason = _reason_path(path)
    if reason.is_file():
        raise InputError(read_text(reason))
    return load_scenario(path)


def find_scenes(dataset: Dataset, split: str, cache: Path | None = None) -> list[SceneFile]:
    """The scenes of a split in the devkit's order; loads no table where the index is up to date.

    Raises InputError for a missing folder, version or table, an unknown split, a missing scene.
    """
    folder, index = _index(dataset, cache)
    names = scenes_of_split(dataset, index["splits"], index["scenes"], split)
    tokens = [index["scenes"][name] for name in names]
    return [_scene_file(folder, *pair) for pair in zip(names, tokens, strict=True)]


def list_scenes(dataset: Dataset, cache: Path | None = None) -> dict[str, SceneFile]:
    """Every scene on disk by its name, whatever its split; see `find_scenes`."""
    folder, index = _index(dataset, cache)
    return {name: _scene_file(folder, name, token) for name, token in index["scenes"].items()}


def _index(dataset: Dataset, cache: Path | None) -> tuple[Path, dict[str, Any]]:
    dataset.require()
    folder = _folder(dataset, cache or DEFAULT_CACHE)
    return folder, _read_index(folder) or _build_index(dataset, folder)


def _scene_file(folder: Path, name: str, token: str) -> SceneFile:
    return SceneFile(name, token, folder / f"{token}{SUFFIX}")


def _folder(dataset: Dataset, cache: Path) -> Path:
    root = dataset.dataroot.resolve()
    state = _digest(json.dumps([CONVERTER_VERSION, dataset.stamp()]))
    name = f"{dataset.version}-{_digest(f'{root}|{dataset.version}')}"
    return cache.expanduser() / "nuscenes" / name / state


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read_index(folder: Path) -> dict[str, Any] | None:
    file = folder / "index.json"
    try:
        index = read_json_object(file)
        scenes, splits = index["scenes"], index["splits"]
    except (InputError, KeyError):
        return None  # built anew
    return index if isinstance(scenes, dict) and isinstance(splits, dict) else None


def _build_index(dataset: Dataset, folder: Path) -> dict[str, Any]:
    """Split to scene names, scene name to token; other states of this dataset are removed."""
    scenes = {row["name"]: row["token"] for row in dataset.read_table("scene")}
    for token in scenes.values():
        if token != file_name(token) or token == "index":
            raise InputError(f"{dataset.tables / 'scene.json'}: token: {token!r:.60} is no token")
    index = {"scenes": scenes, "splits": dataset.read_splits()}
    if folder.parent.is_dir():
        for stale in set(folder.parent.iterdir()) - {folder}:
            shutil.rmtree(stale)
    write_whole(folder / "index.json", json.dumps(index))
    return index


def _reason_path(path: Path) -> Path:
    return path.with_suffix(".reason")
