"""Source `nuscenes`: the scenes of a split, by the devkit, kept converted in a cache."""

from collections.abc import Iterator

from sim.errors import InputError
from sim.remote import fetch
from sim.scenario import Scenario
from sim.sources.nuscenes import (
    Dataset,
    SceneFile,
    convert,
    find_scenes,
    list_scenes,
    load_converted,
)
from sim.sources.query import ScenarioRef, SourceQuery


class NuScenesSource:
    """The scenes of a split, in the devkit's order; without a split, every scene."""

    options = ("dataroot", "version", "cache", "split")

    def find(self, query: SourceQuery) -> list[ScenarioRef]:
        """Raises InputError for a missing folder, version, table or scene, and an unknown split."""
        dataset = dataset_of(query)
        if query.split is None:
            scenes = list(list_scenes(dataset, query.cache).values())
        else:
            scenes = find_scenes(dataset, query.split, query.cache)
        if not scenes:
            raise InputError(f"{dataset.tables / 'scene.json'}: no scenes")
        return [ScenarioRef(query.source, scene.name, scene.path) for scene in scenes]

    def prepare(self, query: SourceQuery, refs: list[ScenarioRef]) -> Iterator[None]:
        """Convert the scenes that the cache lacks, with the tables loaded once."""
        missing = [file for file in map(scene_file, refs) if not file.is_converted]
        yield from (None for _ in convert(dataset_of(query), missing))

    def load(self, ref: ScenarioRef) -> Scenario:
        """From the cache; raises InputError with the reason where the scene cannot be used."""
        assert ref.path is not None
        return load_converted(ref.path)


def dataset_of(query: SourceQuery) -> Dataset:
    """The dataset of a query; raises InputError where none is named."""
    if query.dataroot is None:
        raise InputError("--dataroot: source nuscenes needs the folder of the dataset")
    return Dataset(fetch(query.dataroot), query.version)


def scene_file(ref: ScenarioRef) -> SceneFile:
    """A scene's place in the cache."""
    assert ref.path is not None
    return SceneFile(ref.name, ref.path.stem, ref.path)
