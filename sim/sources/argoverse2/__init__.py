"""Argoverse 2 sensor logs as scenarios, read from their raw files."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from sim.errors import InputError
from sim.scenario import Lights, Scenario
from sim.sources.argoverse2.ground import read_ground
from sim.sources.argoverse2.map import find_one, read_map
from sim.sources.argoverse2.poses import read_poses
from sim.sources.argoverse2.tracks import (
    AXLE_HEIGHT_M,
    DT_S,
    frame_times_ns,
    read_annotations,
    read_tracks,
)
from sim.sources.routes import make_routes


def read_scenario(log: Path) -> Scenario:
    """The scenario of one log folder; InputError names the file and what is wrong.

    The origin of its world frame is the ground under the centre of the ego's box at the first
    annotated time; `world_offset_m` leads back to the city's frame.
    """
    annotations, poses = read_annotations(log), read_poses(log)
    time_ns, annotated = frame_times_ns(annotations)
    try:
        tracks, notes = read_tracks(annotations, poses, time_ns)
    except ValueError as error:
        raise InputError(f"{log / 'city_SE3_egovehicle.feather'}: {error}") from None
    _, axle_m = poses.at(time_ns[:1])
    offset = np.append(tracks.position_m[0, 0, :2], axle_m[0, 2] - AXLE_HEIGHT_M)
    ground = read_ground(log / "map", tracks.position_m[0, :, :2], offset)
    lane_map, map_notes = read_map(log / "map", offset, ground)
    moved = np.where(tracks.valid[..., None], tracks.position_m - offset, 0.0).astype(np.float32)
    tracks = replace(tracks, position_m=moved)
    if not annotated.all():
        notes.append(f"{int((~annotated).sum())} of {len(annotated)} frames are not annotated")
    routes, route_notes = make_routes(tracks, lane_map)
    return Scenario(
        scenario_id=log.resolve().name,
        source="argoverse2",
        family="argoverse2",
        location=_city(log),
        dt_s=DT_S,
        world_offset_m=offset,
        tracks=tracks,
        map=lane_map,
        lights=Lights(
            np.zeros((0, len(time_ns)), dtype=np.int64), np.zeros((0, 2), dtype=np.float32)
        ),
        routes=routes,
        keyframe=annotated,
        notes=notes + map_notes + route_notes,
    )


def _city(log: Path) -> str:
    """The city's short name, such as PIT in the map's file name `..____PIT_city_57819.json`."""
    name = find_one(log / "map", "log_map_archive_*.json").stem
    return name.rpartition("____")[2].partition("_")[0]
