"""nuScenes through its devkit and map expansion, converted once into a cache of scenarios.

dataset = Dataset(Path("data/sets/nuscenes"), "v1.0-mini")
scenes = find_scenes(dataset, "mini_val")
list(convert(dataset, scenes))  # what is not in the cache yet
scenario = load_converted(scenes[0].path)
for sweep in sweeps(dataset, scenes[0], scenario): ...
"""

from collections.abc import Iterator

from sim.scenario import Scenario
from sim.sources.nuscenes.cache import SceneFile, find_scenes, list_scenes, load_converted
from sim.sources.nuscenes.dataset import Dataset

__all__ = [
    "Dataset",
    "SceneFile",
    "convert",
    "find_scenes",
    "list_scenes",
    "load_converted",
    "sweeps",
]


def convert(dataset: Dataset, files: list[SceneFile]) -> Iterator[SceneFile]:
    """Convert the scenes that the cache lacks; see `sim.sources.nuscenes.conversion`."""
    if not all(file.is_converted for file in files):
        from sim.sources.nuscenes.conversion import convert as convert_missing

        yield from convert_missing(dataset, files)


def sweeps(dataset: Dataset, file: SceneFile, scenario: Scenario) -> "Iterator":
    """The lidar sweeps of a converted scene in order of time, as `Sweep`; loads no table."""
    from sim.sources.nuscenes.sweep import make_sweeps

    yield from make_sweeps(dataset.dataroot, file.read_side()["sweeps"], scenario.world_offset_m)
