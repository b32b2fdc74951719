"""Scenarios as a complete nuScenes dataset, which the unchanged devkit loads."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from sim.errors import InputError
from sim.export.nuscenes.assembly import assemble
from sim.export.nuscenes.folder import ExportFolder
from sim.export.nuscenes.part import write_scene
from sim.export.nuscenes.placing import bounds_m, place
from sim.export.nuscenes.scene import make_frames, scene_name
from sim.export.nuscenes.schema import LIDAR_TOP
from sim.export.nuscenes.settings import ExportSettings
from sim.scenario import Scenario
from sim.scenario_check import require_valid
from sim.sensors.lidar_presets import LidarSpec

__all__ = [
    "ExportFolder",
    "ExportSettings",
    "assemble",
    "export_scenes",
    "scene_name",
    "write_scene",
]


def export_scenes(
    scenarios: Sequence[Scenario],
    out: Path,
    version: str,
    splits: dict[str, int],
    *,
    sweeps: bool = False,
    noise: bool = False,
    seed: int = 0,
    lidar: LidarSpec = LIDAR_TOP,
) -> None:
    """Write scenarios to `out`; `splits` maps each split to its number of scenes, in order.

    Goes on where the same call was cut off. Raises InputError for scenarios that are not valid or
    whose time step misses the key frames, for more than the cities hold, for splits that do not add up,
    and for a folder that holds something else; nothing is written then.
    """
    settings = ExportSettings(version, splits, sweeps, noise, seed, lidar)
    if settings.num_scenes != len(scenarios):
        raise InputError(f"splits: {settings.num_scenes} scenes for {len(scenarios)} scenarios")
    for number, scenario in enumerate(scenarios):
        require_valid(scenario)
        make_frames(scenario, number, sweeps)
    place([bounds_m(scenario) for scenario in scenarios])
    plain = settings.to_plain() | {"scenarios": [_fingerprint(s) for s in scenarios]}
    folder = ExportFolder.open(out, plain)
    names = [scene_name(number) for number in range(len(scenarios))]
    for number, scenario in enumerate(scenarios):
        if not folder.has_part(names[number]):
            write_scene(folder, settings, number, scenario)
    assemble(folder, settings, names)


def _fingerprint(scenario: Scenario) -> str:
    """Id and a hash of the tracks: tells scenarios apart that share an id."""
    tracks = scenario.tracks
    content = tracks.position_m.tobytes() + tracks.yaw_rad.tobytes() + tracks.valid.tobytes()
    return f"{scenario.scenario_id} {hashlib.sha256(content).hexdigest()[:16]}"
