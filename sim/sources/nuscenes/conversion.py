"""Converts scenes to scenarios by the devkit, one at a time; all are checked before the first."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.errors import DAMAGED, InputError
from sim.extras import require_installed
from sim.files import write_whole
from sim.scenario import EGO, Lights, LightState, Scenario
from sim.scenario_check import require_valid
from sim.scenario_file import save_scenario
from sim.sources.nuscenes.cache import SceneFile
from sim.sources.nuscenes.city import City, expansion_file
from sim.sources.nuscenes.dataset import Dataset
from sim.sources.nuscenes.map import read_map
from sim.sources.nuscenes.records import TABLES, check_links, check_records
from sim.sources.nuscenes.sweep import sweep_rows
from sim.sources.nuscenes.tracks import (
    DT_S,
    attributes_of,
    read_tracks,
    samples_of,
)
from sim.sources.routes import make_routes

if TYPE_CHECKING:
    from nuscenes import NuScenes


def convert(dataset: Dataset, files: list[SceneFile]) -> Iterator[SceneFile]:
    """Convert those of `files` that the cache lacks; yields each when it is in the cache.

    The tables are loaded once, one city's map and one scene are held at a time. Raises InputError
    before the first scene where a record of a table is damaged or a map is missing; a scene that
    cannot be used for another reason leaves that reason in its place.
    """
    missing = [file for file in files if not file.is_converted]
    if not missing:
        return
    nusc = open_devkit(dataset)
    todo = _by_location(nusc, dataset, missing)
    city = None
    for location, scene, file in todo:
        if city is None or city.location != location:
            city = City.open(dataset.dataroot, location)
        try:
            scenario = convert_scene(nusc, scene, city)
            require_valid(scenario)
            side = _side(nusc, scene)
        except DAMAGED as error:
            file.write_reason(f"{dataset.tables}: {file.name}: {error}")
        else:
            write_whole(file.side_path, json.dumps(side))
            save_scenario(scenario, file.path)
        yield file


def open_devkit(dataset: Dataset) -> "NuScenes":
    """The devkit's tables, each record checked; InputError where a table or a map's picture is damaged."""
    require_installed("--source nuscenes", "nuscenes")
    from nuscenes import NuScenes

    try:
        nusc = NuScenes(version=dataset.version, dataroot=str(dataset.dataroot), verbose=False)
    except Exception as error:  # the devkit raises nothing narrower for a table of an old version
        check_links(dataset.tables, {name: dataset.read_table(name) for name in TABLES})
        raise InputError(f"{dataset.tables}: refused by nuscenes-devkit: {error!r}") from None
    tables = {name: getattr(nusc, name) for name in TABLES}
    for name, rows in tables.items():
        check_records(dataset.tables / f"{name}.json", rows)
    check_links(dataset.tables, tables)
    return nusc


def convert_scene(nusc: "NuScenes", scene: dict, city: City) -> Scenario:
    """One scene; InputError says what is wrong with it."""
    from shapely.errors import ShapelyError

    tracks, keyframe, notes = read_tracks(nusc, scene)
    ego_m = tracks.position_m[EGO, :, :2]
    offset = np.array((*ego_m[0], 0.0))
    try:
        lane_map, lights_m, map_notes = read_map(city, ego_m, offset[:2])
    except InputError:
        raise
    except (ShapelyError, *DAMAGED) as error:
        raise InputError(f"{city.nusc_map.json_fname}: damaged: {error!r}") from None
    moved = np.where(tracks.valid[..., None], tracks.position_m - offset, 0.0).astype(np.float32)
    tracks = replace(tracks, position_m=moved)
    unknown = np.full((len(lights_m), len(keyframe)), int(LightState.UNKNOWN), dtype=np.int64)
    routes, route_notes = make_routes(tracks, lane_map)
    return Scenario(
        scenario_id=scene["name"],
        source="nuscenes",
        family="nuscenes",
        location=city.location,
        dt_s=DT_S,
        world_offset_m=offset,
        tracks=tracks,
        map=lane_map,
        lights=Lights(unknown, lights_m),
        routes=routes,
        keyframe=keyframe,
        notes=notes + map_notes + route_notes,
    )


def _by_location(
    nusc: "NuScenes", dataset: Dataset, files: list[SceneFile]
) -> list[tuple[str, dict, SceneFile]]:
    """(location, row of table `scene`, file) of each scene, ordered by location; InputError: no map."""
    scenes = [nusc.get("scene", file.token) for file in files]
    locations = [nusc.get("log", scene["log_token"])["location"] for scene in scenes]
    for location in sorted(set(locations)):
        expansion_file(dataset.dataroot, location)
    return sorted(zip(locations, scenes, files, strict=True), key=lambda one: one[0])


def _side(nusc: "NuScenes", scene: dict) -> dict[str, Any]:
    """What a scenario does not hold: see `SceneFile.read_side`."""
    return {
        "samples": [[row["token"], row["timestamp"]] for row in samples_of(nusc, scene)],
        "attributes": attributes_of(nusc, scene),
        "sweeps": sweep_rows(nusc, scene),
    }
