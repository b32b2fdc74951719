"""ScenarioNet pickles (nuScenes and others) as scenarios."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sim.errors import DAMAGED, InputError
from sim.scenario import EGO, Lights, Scenario
from sim.sources.routes import make_routes
from sim.sources.scenarionet.map import read_map
from sim.sources.scenarionet.tracks import read_tracks
from sim.sources.unpickle import read_pickle

NEAR_M = 150.0  # whole cities are cropped to what lies this near to the ego's recording
KEYFRAME_EVERY = 5


def read_scenario(path: Path) -> Scenario:
    """One scenario; InputError names the file and the field that is wrong."""
    data = read_pickle(path)
    try:
        scenario = _convert(data)
    except KeyError as error:
        raise InputError(f"{path}: field {error} is missing") from None
    except DAMAGED as error:
        raise InputError(
            f"{path}: {str(error).splitlines()[0] if str(error) else type(error)}"
        ) from None
    return scenario


def _convert(data: dict) -> Scenario:
    meta = data["metadata"]
    for name, where in (("metadata", data), ("tracks", data), ("map_features", data)):
        if not isinstance(where[name], dict):
            raise InputError(f"{name}: expected a dict, got {type(where[name]).__name__}")
    tracks, notes = read_tracks(data["tracks"], str(meta["sdc_id"]), _length(data["length"]))
    offset = tracks.position_m[EGO, 0].astype(np.float64) * (1.0, 1.0, 0.0)
    ego = tracks.position_m[EGO, :, :2]
    lane_map, map_notes = read_map(data["map_features"], ego, offset, NEAR_M)
    moved = np.where(tracks.valid[..., None], tracks.position_m - offset, 0.0).astype(np.float32)
    tracks = replace(tracks, position_m=moved)
    instants = tracks.valid.shape[1]
    times = np.asarray(meta["ts"], dtype=np.float64)
    if len(times) < 2:
        raise InputError("metadata.ts: fewer than two instants")
    return Scenario(
        scenario_id=str(data["id"]),
        source="scenarionet",
        family=str(meta.get("dataset", "recorded")),
        location=str(meta.get("map", "unknown")),
        dt_s=round(float(np.median(np.diff(times))), 4),
        world_offset_m=offset,
        tracks=tracks,
        map=lane_map,
        lights=Lights(np.zeros((0, instants), dtype=np.int64), np.zeros((0, 2), dtype=np.float32)),
        routes=make_routes(tracks, lane_map),
        keyframe=np.arange(instants) % KEYFRAME_EVERY == 0,
        notes=notes + map_notes,
    )


def _length(given: Any) -> int:
    """How many instants a file says it has."""
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)):
        raise InputError(f"length: {given!r:.40} is no number of instants")
    return int(given)
