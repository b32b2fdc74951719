"""A split of a nuScenes dataset: checked from its small tables, then loaded by the devkit."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import InputError

if TYPE_CHECKING:
    from nuscenes import NuScenes


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
    from sim.sources.nuscenes.dataset import Dataset, scenes_of_split

    dataset = Dataset(dataroot, version)
    dataset.require()
    root = dataset.tables
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


def load_dataset(split: Split) -> "NuScenes":
    """The devkit's database; raises InputError for a broken table, and where nothing is annotated."""
    from eval.nuscenes.quiet import quiet
    from sim.sources.nuscenes.conversion import open_devkit
    from sim.sources.nuscenes.dataset import Dataset

    with quiet(str(split.table_root)):
        nusc = open_devkit(Dataset(split.dataroot, split.version))
    where = split.table_root / "sample_annotation.json"
    if not nusc.sample_annotation:
        raise InputError(f"{where}: no annotations, nothing to score against")
    for token in split.sample_tokens:
        if "LIDAR_TOP" not in nusc.get("sample", token)["data"]:
            raise InputError(
                f"{split.table_root}/sample_data.json: no LIDAR_TOP key frame of sample {token}"
            )
    return nusc
