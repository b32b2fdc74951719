"""OpenDRIVE maps (XML, versions 1.4 to 1.8) as maps of lanes, as `ScenarioBuilder.on_map` takes them.

Read by the project itself, with XML of the standard library: of the readers on PyPI, those that are kept
are under the GPL with a GUI's dependencies (commonroad-scenario-designer) or need Python 3.12
(pyopendrive); pyxodr is not kept, and knows no speed limits.
"""

from pathlib import Path

from sim.errors import DAMAGED, InputError
from sim.scenario import LaneMap
from sim.scenario_check.lane_map import check_map
from sim.sources.opendrive.map import map_of
from sim.sources.opendrive.roads import read_roads
from sim.sources.xml_files import read_xml


def read_opendrive(path: str | Path) -> LaneMap:
    """The lanes for cars of a file, called "ROAD.SECTION.LANE"; InputError names what is wrong.

    In the file's own frame, flat. Lanes of roads within junctions are connectors. Where the file gives
    no speed limit 13.4 m/s hold. Signals, objects, elevation and banks are not read.
    """
    root = read_xml(Path(path), "OpenDRIVE")
    try:
        lane_map = map_of(read_roads(root), root)
        check_map(lane_map, lights=0)
    except DAMAGED as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: {reason}") from None
    return lane_map
