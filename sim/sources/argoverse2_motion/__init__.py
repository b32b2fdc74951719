"""Argoverse 2 motion forecasting scenarios: tracks of 11 s at 10 Hz (parquet) and a vector map."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from sim.errors import InputError
from sim.scenario import EGO, Lights, Scenario
from sim.sources.argoverse2.map import read_map
from sim.sources.argoverse2_motion.tracks import DT_S, read_tracks
from sim.sources.routes import make_routes

_KEYFRAME_EVERY = 5


def read_scenario(path: Path) -> Scenario:
    """The scenario of a `scenario_*.parquet`, its map beside it; InputError names the file."""
    tracks, city, notes = read_tracks(path)
    offset = tracks.position_m[EGO, 0] * (1.0, 1.0, 0.0)
    lane_map, map_notes = read_map(path.parent, offset, None)
    if not lane_map.lanes:
        raise InputError(f"{path.parent}: no lane")
    moved = np.where(tracks.valid[..., None], tracks.position_m - offset, 0.0).astype(np.float32)
    tracks = replace(tracks, position_m=moved)
    routes, route_notes = make_routes(tracks, lane_map)
    instants = tracks.valid.shape[1]
    return Scenario(
        scenario_id=path.stem.removeprefix("scenario_"),
        source="argoverse2_motion",
        family="argoverse2_motion",
        location=city,
        dt_s=DT_S,
        world_offset_m=offset,
        tracks=tracks,
        map=lane_map,
        lights=Lights(np.zeros((0, instants), dtype=np.int64), np.zeros((0, 2), dtype=np.float32)),
        routes=routes,
        keyframe=np.arange(instants) % _KEYFRAME_EVERY == 0,
        notes=[*notes, *map_notes, *route_notes],
    )
