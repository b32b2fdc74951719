"""A split of a nuScenes dataset: checked from its small tables, then loaded by the devkit."""

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nuscenes import NuScenes

TABLES = (
    "category", "attribute", "visibility", "instance", "sensor", "calibrated_sensor", "ego_pose",
    "log", "scene", "sample", "sample_data", "sample_annotation", "map",
)  # fmt: skip
_VERSION_SUFFIX = {
    "train": "trainval", "val": "trainval", "train_detect": "trainval", "train_track": "trainval",
    "mini_train": "mini", "mini_val": "mini", "test": "test",
}  # fmt: skip


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

    Raises ValueError naming the file, and the choices where there are any.
    """
    root = _version_folder(dataroot, version)
    for table in TABLES:
        if not (root / f"{table}.json").is_file():
            raise ValueError(f"{root / table}.json: missing table of nuScenes version {version}")
    for record in read_json(root / "map.json"):
        if not (dataroot / record["filename"]).is_file():
            raise ValueError(f"{dataroot / record['filename']}: missing, named in {root}/map.json")
    names = _scenes_of(root, version, split)
    scenes = {scene["name"]: scene for scene in read_json(root / "scene.json")}
    absent = [name for name in names if name not in scenes]
    if absent:
        raise ValueError(
            f"{root}/scene.json: {len(absent)} of {len(names)} scenes of split {split} are not "
            f"in it, the first is {absent[0]}"
        )
    if not names:
        raise ValueError(f"{root}/splits.json: split {split} holds no scenes")
    samples: dict[str, list[tuple[int, str]]] = {}
    for sample in read_json(root / "sample.json"):
        samples.setdefault(sample["scene_token"], []).append((sample["timestamp"], sample["token"]))
    tokens = [t for n in names for _, t in sorted(samples.get(scenes[n]["token"], []))]
    if not tokens:
        raise ValueError(f"{root}/sample.json: no sample of split {split}")
    return Split(dataroot, version, split, tuple(names), tuple(tokens))


def load_dataset(split: Split) -> "NuScenes":
    """The devkit's database; raises ValueError for a broken table or a box without a size."""
    from eval.nuscenes.quiet import quiet

    with quiet(str(split.table_root)):
        from nuscenes import NuScenes

        try:
            nusc = NuScenes(version=split.version, dataroot=str(split.dataroot), verbose=False)
        except (KeyError, ValueError, IndexError) as error:
            for table in TABLES:
                read_json(split.table_root / f"{table}.json")
            raise ValueError(f"{split.table_root}: tables do not fit together: {error!r}") from None
    where = split.table_root / "sample_annotation.json"
    if not nusc.sample_annotation:
        raise ValueError(f"{where}: no annotations, nothing to score against")
    for record in nusc.sample_annotation:
        if min(record["size"]) <= 0:
            raise ValueError(f"{where}: {record['token']} has size {record['size']}")
    for token in split.sample_tokens:
        _check_lidar(nusc, split, token)
    return nusc


def read_json(path: Path) -> Any:
    """A JSON file; raises ValueError naming it where it is missing or broken."""
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from None


def _check_lidar(nusc: "NuScenes", split: Split, token: str) -> None:
    """Raise ValueError where the devkit would not find the ego's pose of a sample."""
    lidar = nusc.get("sample", token)["data"].get("LIDAR_TOP")
    if lidar is None:
        raise ValueError(
            f"{split.table_root}/sample_data.json: no LIDAR_TOP key frame of sample {token}"
        )
    pose = nusc.get("sample_data", lidar)["ego_pose_token"]
    try:
        nusc.get("ego_pose", pose)
    except KeyError:
        raise ValueError(
            f"{split.table_root}/ego_pose.json: {pose} of sample {token} is not in it"
        ) from None


def _version_folder(dataroot: Path, version: str) -> Path:
    if not dataroot.is_dir():
        raise ValueError(f"--dataroot: {dataroot}: no such folder")
    root = dataroot / version
    if not (root.is_dir() and version):
        found = sorted(p.parent.name for p in dataroot.glob("*/scene.json"))
        raise ValueError(f"--version: {root}: no such folder{_choices(version, found)}")
    return root


def _scenes_of(root: Path, version: str, split: str) -> list[str]:
    """Names of the scenes of a split of the devkit, or of `splits.json`."""
    from nuscenes.utils.splits import create_splits_scenes

    official = create_splits_scenes()
    own: dict[str, list[str]] = {}
    if (root / "splits.json").is_file():
        own = read_json(root / "splits.json")
        if not isinstance(own, dict) or not all(isinstance(v, list) for v in own.values()):
            raise ValueError(f"{root}/splits.json: expected split names with lists of scene names")
    if split in official:
        suffix = _VERSION_SUFFIX[split]
        if not version.endswith(suffix):
            fitting = [n for n, s in _VERSION_SUFFIX.items() if version.endswith(s)]
            raise ValueError(
                f"--split: {split} belongs to versions ending in {suffix}, not to {version}"
                f"{_choices(split, [*own, *fitting])}"
            )
        return official[split]
    if split not in own:
        fitting = [n for n, s in _VERSION_SUFFIX.items() if version.endswith(s)]
        raise ValueError(f"--split: unknown {split!r}{_choices(split, [*own, *fitting])}")
    return own[split]


def _choices(given: str, choices: list[str]) -> str:
    near = difflib.get_close_matches(given, choices, 1, 0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{hint} (choices: {', '.join(choices) or 'none'})"
