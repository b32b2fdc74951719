"""Which drives a discovery looks at, and their sweeps in one form."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

from drive.perception.logs.sweep_log import LogInfo, SweepFrame, SweepLog, write_log
from drive.pipelines.discover_config import DiscoverConfig
from sim.errors import InputError
from sim.files import file_name
from sim.sources.query import ScenarioRef

_FINISHED = "log.npz"  # is written last
_HALF = 2  # of the columns of a simulated lidar: a beam every third of a degree


def find_logs(config: DiscoverConfig) -> list[ScenarioRef]:
    """The drives; raises InputError where there are none."""
    if config.source != "kitti":
        from drive.pipelines.scenarios import find_scenarios

        return find_scenarios(config)
    from drive.perception.logs.recorded import kitti_files

    if config.path is None:
        raise InputError("--path: source kitti needs the folder of a drive, or a folder of those")
    if not config.path.is_dir():
        raise InputError(f"{config.path}: no such folder")
    drives = [config.path, *sorted(folder for folder in config.path.iterdir() if folder.is_dir())]
    found = [drive for drive in drives if kitti_files(drive)][: config.count]
    if not found:
        raise InputError(
            f"{config.path}: no sweeps (.bin) in it, in velodyne/ or velodyne_points/data/"
        )
    # A folder whose sweeps lie in velodyne/ is one drive.
    found = found[:1] if found[0] == config.path else found
    return [ScenarioRef("kitti", drive.resolve().name, drive) for drive in found]


def log_folder(out: Path, ref: ScenarioRef) -> Path:
    """Where the sweeps of a drive lie."""
    return out / "logs" / file_name(ref.name)


def is_stored(folder: Path) -> bool:
    """Whether a drive is there as a whole."""
    return (folder / _FINISHED).is_file()


def store_log(config: DiscoverConfig, ref: ScenarioRef, folder: Path) -> SweepLog:
    """Read or simulate a drive and store it; raises InputError where it has no sweeps."""
    import torch

    torch.set_num_threads(1)  # the same bytes for any number of workers
    info, frames = _frames(config, ref)
    until = takewhile(lambda frame: frame.time_s <= config.seconds, frames)
    with torch.no_grad():
        try:
            return write_log(folder, info, until)
        except InputError as error:
            raise InputError(f"{ref.name}: {error}") from None


def _frames(config: DiscoverConfig, ref: ScenarioRef) -> tuple[LogInfo, Iterator[SweepFrame]]:
    from drive.perception.logs import recorded

    if ref.source == "kitti":
        assert ref.path is not None
        return recorded.kitti_info(ref.path), recorded.kitti_sweeps(ref.path)
    from sim.sources.loading import load_one

    scenario = load_one(ref)
    if ref.source == "argoverse2":
        from sim.sources.argoverse2.sweeps import list_sweeps
        from sim.sources.argoverse2.tracks import AXLE_HEIGHT_M

        assert ref.path is not None
        sweeps = list_sweeps(ref.path, scenario)
        return (
            LogInfo(recorded.ARGOVERSE2_SENSOR_M),
            recorded.scenario_sweeps(scenario, sweeps, AXLE_HEIGHT_M),
        )
    if ref.source == "nuscenes":
        from sim.sources.nuscenes import sweeps
        from sim.sources.nuscenes.source import dataset_of, scene_file

        found = list(sweeps(dataset_of(config), scene_file(ref), scenario))
        return LogInfo(recorded.NUSCENES_SENSOR_M), recorded.scenario_sweeps(scenario, found, 0.0)
    from drive.perception.logs.simulated import info_of, simulated_sweeps
    from sim.sensors.lidar_presets import PRESETS
    from sim.sources.overgrown import overgrown

    preset = PRESETS[config.lidar]
    spec = replace(preset, num_columns=preset.num_columns // _HALF)
    seed = config.seed + ref.index
    frames = simulated_sweeps(overgrown(scenario, seed), spec, config.seconds, seed)
    return info_of(spec), frames
