"""CommonRoad scenarios (XML, versions 2018b and 2020a) as scenarios.

The planning problem's initial state is the ego's, its goal the end of the ego's route. The files hold
no recording of the ego: unless an obstacle stands where the ego starts, what the ego "recorded" is a
drive made up from start to goal (`drive.py`), and a note says so.
"""

from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from sim.errors import DAMAGED, InputError
from sim.scenario import Scenario
from sim.sources.commonroad.document import move
from sim.sources.commonroad.map import read_map
from sim.sources.commonroad.signals import read_signals
from sim.sources.commonroad.tracks import read_tracks, start_of
from sim.sources.routes import make_routes
from sim.sources.xml_files import number, read_xml

_KEYFRAME_EVERY_S = 0.5


def read_scenario(path: Path) -> Scenario:
    """One scenario; InputError names the file and the element that is wrong."""
    root = read_xml(path, "commonRoad")
    try:
        return _convert(root, path)
    except DAMAGED as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: {reason}") from None


def _convert(root: Element, path: Path) -> Scenario:
    step_s = number(root.get("timeStepSize"), "commonRoad.timeStepSize", low=0.01, high=1.0)
    offset = start_of(root)
    move(root, offset)
    lane_map, map_notes = read_map(root)
    tracks, notes = read_tracks(root, lane_map, step_s)
    instants = tracks.valid.shape[1]
    stops, lights = read_signals(root, lane_map.lanes, instants)
    lane_map = replace(lane_map, stop_lines=stops)
    routes, route_notes = make_routes(tracks, lane_map)
    every = max(1, round(_KEYFRAME_EVERY_S / step_s))
    name = str(root.get("benchmarkID") or path.stem)
    return Scenario(
        scenario_id=name,
        source="commonroad",
        family="commonroad",
        location=name.partition("-")[0],
        dt_s=step_s,
        world_offset_m=np.append(offset, 0.0),
        tracks=tracks,
        map=lane_map,
        lights=lights,
        routes=routes,
        keyframe=np.arange(instants) % every == 0,
        notes=[*notes, *map_notes, *route_notes],
    )
