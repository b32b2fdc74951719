"""ScenarioNet pickles (nuScenes, WOMD, nuPlan, Argoverse 2 and others) as scenarios."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from sim.errors import DAMAGED, InputError
from sim.scenario import EGO, Scenario
from sim.sources.clock import clock_of
from sim.sources.routes import make_routes
from sim.sources.scenarionet.map import read_map
from sim.sources.scenarionet.signals import read_signals
from sim.sources.scenarionet.tracks import read_tracks
from sim.sources.unpickle import read_pickle

NEAR_M = 150.0  # whole cities are cropped to what lies this near to the ego's recording
_KEYFRAME_EVERY_S = 0.5


def read_scenario(path: Path) -> Scenario:
    """One scenario; InputError names the file and the field that is wrong."""
    data = read_pickle(path)
    try:
        scenario = _convert(data)
    except KeyError as error:
        raise InputError(f"{path}: field {error} is missing") from None
    except DAMAGED as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: {reason}") from None
    return scenario


def _convert(data: dict) -> Scenario:
    for name in ("metadata", "tracks", "map_features"):
        if not isinstance(data[name], dict):
            raise InputError(f"{name}: expected a dict, got {type(data[name]).__name__}")
    meta, features = data["metadata"], data["map_features"]
    dataset = str(meta.get("dataset", "recorded"))
    length = _length(data["length"])
    clock = clock_of(np.asarray(meta["ts"], dtype=np.float64)[:length], "metadata.ts")
    tracks, notes = read_tracks(data["tracks"], str(meta["sdc_id"]), clock, dataset)
    instants = tracks.valid.shape[1]
    offset = tracks.position_m[EGO, 0].astype(np.float64) * (1.0, 1.0, 0.0)
    ego = tracks.position_m[EGO, :, :2]
    lane_map, map_notes = read_map(features, dataset, ego, offset, NEAR_M)
    stops, lights, signal_notes = read_signals(data, lane_map.lanes, offset[:2], clock, instants)
    lane_map = replace(lane_map, stop_lines=stops)
    moved = np.where(tracks.valid[..., None], tracks.position_m - offset, 0.0).astype(np.float32)
    tracks = replace(tracks, position_m=moved)
    routes, route_notes = make_routes(tracks, lane_map)
    every = max(1, round(_KEYFRAME_EVERY_S / clock.step_s))
    return Scenario(
        scenario_id=str(data["id"]),
        source="scenarionet",
        family=dataset,
        location=str(meta.get("map", "unknown")),
        dt_s=clock.step_s,
        world_offset_m=offset,
        tracks=tracks,
        map=lane_map,
        lights=lights,
        routes=routes,
        keyframe=((np.arange(len(clock.time_s)) % every == 0) & clock.is_recorded)[:instants],
        notes=[
            *([clock.note] if clock.note else []),
            *notes,
            *map_notes,
            *signal_notes,
            *route_notes,
        ],
    )


def _length(raw: object) -> int:
    """How many instants there are; InputError where it is no whole number above one."""
    number = float(raw) if isinstance(raw, int | float | np.number) else np.nan
    if not (np.isfinite(number) and number == int(number) and number >= 2):
        raise InputError(f"length: {raw!r} is no number of instants")
    return int(number)
