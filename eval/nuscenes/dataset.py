"""A split of a nuScenes dataset: checked from its small tables, then loaded by the devkit."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim.errors import DAMAGED, InputError

if TYPE_CHECKING:
    from nuscenes import NuScenes

    from sim.sources.nuscenes.dataset import Dataset


@dataclass(frozen=True)
class Split:
    """Which scenes and samples are scored; `sample_tokens` by scene, in time order."""

    dataroot: Path
    version: str
    name: str
    scene_names: tuple[str, ...]
    sample_tokens: tuple[str, ...]

    @property
    def table_root(self) -> Path:
        return self.dataroot / self.version


def find_split(dataroot: Path, version: str, split: str) -> Split:
    """Check folders, tables and the split, without loading annotations.

    Raises InputError naming the file, and the choices where there are any.
    """
    from sim.sources.nuscenes.dataset import Dataset

    dataset = Dataset(dataroot, version)
    dataset.require()
    try:
        return _read_split(dataset, split)
    except KeyError as error:
        where = f"{dataset.tables}: map, scene or sample.json"
        raise InputError(f"{where}: a row lacks field {error}") from None
    except (TypeError, AttributeError) as error:
        raise InputError(f"{dataset.tables}: map, scene or sample.json: {error}") from None


def load_dataset(split: Split) -> "NuScenes":
    """The devkit's database; raises InputError for a broken table or a box without a size."""
    from eval.nuscenes.quiet import quiet
    from sim.sources.nuscenes.dataset import TABLES, Dataset

    with quiet(str(split.table_root)):
        from nuscenes import NuScenes

        try:
            nusc = NuScenes(version=split.version, dataroot=str(split.dataroot), verbose=False)
        except (AssertionError, *DAMAGED) as error:
            for table in TABLES:
                Dataset(split.dataroot, split.version).read_table(table)
            raise InputError(f"{split.table_root}: tables do not fit together: {error!r}") from None
    where = split.table_root / "sample_annotation.json"
    if not nusc.sample_annotation:
        raise InputError(f"{where}: no annotations, nothing to score against")
    for record in nusc.sample_annotation:
        size = np.array(record.get("size"), dtype=object)
        if size.shape != (3,) or not all(isinstance(v, (int, float)) and v > 0 for v in size):
            raise InputError(f"{where}: {record['token']} has size {record.get('size')}")
    for token in split.sample_tokens:
        _check_lidar(nusc, split, token)
    return nusc


def _read_split(dataset: "Dataset", split: str) -> Split:
    from sim.sources.nuscenes.dataset import scenes_of_split

    dataroot, root = dataset.dataroot, dataset.tables
    for record in dataset.read_table("map"):
        if not (dataroot / record["filename"]).is_file():
            raise InputError(f"{dataroot / record['filename']}: missing, named in {root}/map.json")
    scenes = {scene["name"]: scene["token"] for scene in dataset.read_table("scene")}
    names = scenes_of_split(dataset, dataset.read_splits(), scenes, split)
    samples: dict[str, list[tuple[int, str]]] = {}
    for sample in dataset.read_table("sample"):
        samples.setdefault(sample["scene_token"], []).append((sample["timestamp"], sample["token"]))
    tokens = [t for n in names for _, t in sorted(samples.get(scenes[n], []))]
    if not tokens:
        raise InputError(f"{root}/sample.json: no sample of split {split}")
    return Split(dataroot, dataset.version, split, tuple(names), tuple(tokens))


def _check_lidar(nusc: "NuScenes", split: Split, token: str) -> None:
    """Raise InputError where the devkit would not find the ego's pose of a sample."""
    lidar = nusc.get("sample", token)["data"].get("LIDAR_TOP")
    if lidar is None:
        raise InputError(
            f"{split.table_root}/sample_data.json: no LIDAR_TOP key frame of sample {token}"
        )
    pose = nusc.get("sample_data", lidar)["ego_pose_token"]
    try:
        nusc.get("ego_pose", pose)
    except KeyError:
        raise InputError(
            f"{split.table_root}/ego_pose.json: {pose} of sample {token} is not in it"
        ) from None
