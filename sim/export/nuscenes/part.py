"""Writes one scene: its lidar files to their final place, and all its rows as the scene's "part".

`assembly.py` joins the parts when all scenes are done.
"""

from typing import Any

from sim.export.nuscenes.can_bus import pose_messages
from sim.export.nuscenes.folder import ExportFolder
from sim.export.nuscenes.map_layers import map_layers
from sim.export.nuscenes.placing import bounds_m
from sim.export.nuscenes.scene import SceneTables, make_frames
from sim.export.nuscenes.settings import ExportSettings
from sim.export.nuscenes.sweeps import see
from sim.files import write_whole
from sim.scenario import EGO, Scenario
from sim.sensors.ground import heights_m


def write_scene(
    folder: ExportFolder, settings: ExportSettings, number: int, scenario: Scenario
) -> None:
    """Scene `number` of the dataset; the result depends on settings, number and scenario alone.

    Raises InputError where the scenario's time step does not meet the key frames.
    """
    frames = make_frames(scenario, number, settings.sweeps)
    # z of what boxes and sensor stand on, `[N, T]`.
    ground_m = heights_m(scenario.map.ground, scenario.tracks.position_m[..., :2])
    tables = SceneTables(scenario, number, settings.seed, ground_m)
    noise_seed = settings.seed * 1_000_003 + number if settings.noise else None
    steps = [frame.step for frame in frames]
    for frame, seen in zip(frames, see(scenario, settings.lidar, steps, noise_seed), strict=True):
        write_whole(folder.path / frame.filename, seen.points.tobytes())
        tables.add(frame, seen)
    folder.write_part(tables.name, _part(settings, number, tables))


def _part(settings: ExportSettings, number: int, tables: SceneTables) -> dict[str, Any]:
    """Rows of tables, map and CAN bus, all in the scenario's frame, and what says where it belongs."""
    scenario = tables.scenario
    return {
        "split": settings.split_of(number),
        "scenario": {
            "scenario_id": scenario.scenario_id,
            "source": scenario.source,
            "family": scenario.family,
            "location": scenario.location,
            "source_offset_m": scenario.world_offset_m.tolist(),
        },
        "bounds_m": bounds_m(scenario),
        "tables": tables.finish(),
        "map": map_layers(scenario.map, scenario.lights, tables.token),
        "can_pose": pose_messages(scenario, tables.frames[0].timestamp_us, tables.ground_m[EGO]),
    }
