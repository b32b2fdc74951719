"""What `bevdrive view` can be pointed at, each as a `ViewedScene`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import one_of

if TYPE_CHECKING:
    from eval.runs.results import DriveScores
    from eval.view.viewed_scene import ViewedScene
    from sim.sources.nuscenes import Dataset, SceneFile


@dataclass(frozen=True)
class ViewTarget:
    """What to look at; see `bevdrive view --help`. `lidar`: real (where there is one), simulated."""

    path: Path | None = None
    scenario: str | None = None
    planner: str | None = None
    families: tuple[str, ...] = ()
    split: str = "val"
    seed: int = 0
    dataroot: Path | None = None
    version: str = "v1.0-mini"
    sample: str | None = None
    cache: Path | None = None
    lidar: str = "real"


def find_viewed_scene(target: ViewTarget) -> "ViewedScene":
    """The scene that `target` names; raises ValueError, naming the choices, where there is none."""
    one_of("--lidar", target.lidar, ("real", "simulated"))
    if target.dataroot is not None:
        if target.path is not None:
            raise ValueError(f"{target.path}: either a path or --dataroot, not both")
        return _of_nuscenes(target, target.dataroot)
    path = target.path
    if path is None:
        return _generated(target)
    if not path.exists():
        raise ValueError(f"{path}: no such file or folder")
    if (path / "config.yaml").is_file():
        return _of_run(target, path)
    return _of_file(target, path) if path.is_file() else _of_folder(target, path)


def _generated(target: ViewTarget) -> "ViewedScene":
    from eval.view.viewed_scene import ViewedScene
    from sim.sources.procedural import FAMILIES, generate

    for family in target.families:
        one_of("--families", family, FAMILIES)
    one_of("--split", target.split, ("train", "val", "test"))
    families = list(target.families or ("signalized_junction",))
    return ViewedScene.of(generate(families, 1, split=target.split, seed=target.seed)[0])


def _of_file(target: ViewTarget, path: Path) -> "ViewedScene":
    from eval.view.lidar_points import SingleSweep
    from eval.view.viewed_scene import ViewedScene
    from sim.scenario_file import SUFFIX
    from sim.sources import Request, load
    from sim.sources.sweep_file import SUFFIXES, read_sweep_file

    if path.name.endswith(SUFFIXES):
        scenario, cloud = read_sweep_file(path)
        return ViewedScene.of(scenario, points=SingleSweep(scenario, cloud))
    sources = {SUFFIX: "saved", ".pkl": "scenarionet"}
    if path.suffix not in sources:
        known = ", ".join((*sources, *SUFFIXES))
        raise ValueError(f"{path}: nothing to look at (a folder, or a file ending in {known})")
    loaded, skipped = load([Request(0, sources[path.suffix], path.name, path=path)])
    if skipped:
        raise ValueError(skipped[0]["reason"])
    return ViewedScene.of(loaded[0][1])


def _of_folder(target: ViewTarget, path: Path) -> "ViewedScene":
    """A log of Argoverse 2, or a folder of logs, saved scenarios or pickles: `--scenario` names one."""
    from sim.scenario_file import SUFFIX
    from sim.sources.argoverse2 import find_logs

    logs = find_logs(path)
    files = sorted(
        p
        for p in path.rglob("*")
        if p.suffix in (SUFFIX, ".pkl") and not p.name.startswith("dataset_")
    )
    found = {found.name if found in logs else found.stem: found for found in (*logs, *files)}
    if not found:
        raise ValueError(
            f"{path}: nothing to look at: no run (config.yaml), Argoverse 2 log, {SUFFIX} or .pkl file"
        )
    if target.scenario is None and len(found) > 1:
        raise ValueError(f"{path}: --scenario: name one of {', '.join(list(found)[:8])}")
    name = target.scenario or next(iter(found))
    ends = [full for full in found if full.endswith(name)]  # scene-0553 will do
    name = ends[0] if len(ends) == 1 else name
    one_of(f"{path}: --scenario", name, tuple(found))
    return _of_log(target, found[name]) if found[name] in logs else _of_file(target, found[name])


def _of_log(target: ViewTarget, log: Path) -> "ViewedScene":
    from eval.view.lidar_points import RecordedPoints
    from eval.view.viewed_scene import ViewedScene
    from sim.sources.argoverse2 import read_scenario
    from sim.sources.argoverse2.sweeps import list_sweeps

    scenario = read_scenario(log)
    points = RecordedPoints(scenario, list_sweeps(log, scenario))
    instants = points.instants()
    if target.lidar == "simulated" or not instants:
        return ViewedScene.of(scenario)
    return replace(ViewedScene.of(scenario, points=points), first_instant=instants[0])


def _of_run(target: ViewTarget, path: Path) -> "ViewedScene":
    from eval.runs.drive_record import DriveRecord
    from eval.runs.folder import RunFolder
    from eval.view.viewed_scene import ViewedScene

    folder = RunFolder.open(path)
    drive = _choose_drive(target, path, folder.read_batches().drives)
    record = DriveRecord.load(folder.drive_path(drive.planner, drive.index))
    title = f"{drive.planner}: {drive.scenario_id}"
    return ViewedScene.of(folder.read_scenario(drive.index), record, title=title)


def _choose_drive(target: ViewTarget, path: Path, drives: list["DriveScores"]) -> "DriveScores":
    """The drive that is asked for; not named, the first scenario and the first planner."""
    from eval.runs.folder import DRIVES

    if not (path / DRIVES).is_dir() or not drives:
        parts = sorted(found.parent.name for found in path.glob(f"*/{DRIVES}"))
        hint = f" (look into its parts: {', '.join(parts)})" if parts else ""
        raise ValueError(f"{path}: no drives in this run folder{hint}")
    planners = tuple(dict.fromkeys(drive.planner for drive in drives))
    planner = target.planner or planners[0]
    one_of(f"{path}: --planner", planner, planners)
    driven = {drive.scenario_id: drive for drive in drives if drive.planner == planner}
    scenario = target.scenario or next(iter(driven))
    one_of(f"{path}: --scenario", scenario, tuple(driven))
    return driven[scenario]


def _of_nuscenes(target: ViewTarget, dataroot: Path) -> "ViewedScene":
    from eval.view.lidar_points import RecordedPoints
    from eval.view.viewed_scene import ViewedScene
    from sim.sources.nuscenes import Dataset, convert, load_converted, sweeps

    dataset = Dataset(dataroot, target.version)
    file, sample = _find_scene(target, dataset)
    list(convert(dataset, [file]))
    scenario = load_converted(file.path)
    if target.lidar == "simulated":
        return ViewedScene.of(scenario, title=file.name)
    points = RecordedPoints(scenario, list(sweeps(dataset, file, scenario)))
    instant = 0
    if sample is not None:
        rows = file.read_side()["samples"]
        times_us = {token: time_us for token, time_us in rows}
        first_us = rows[0][1]
        instant = round((times_us[sample] - first_us) * 1e-6 / scenario.dt_s)
    shown = ViewedScene.of(scenario, points=points, title=file.name)
    return replace(shown, first_instant=min(instant, shown.num_instants - 1))


def _find_scene(target: ViewTarget, dataset: "Dataset") -> "tuple[SceneFile, str | None]":
    """The scene of `--scenario` or the first, or the scene of `--sample`, whose token is given too."""
    from sim.sources.nuscenes import list_scenes

    scenes = list_scenes(dataset, target.cache)
    if not scenes:
        raise ValueError(f"{dataset.tables / 'scene.json'}: no scenes")
    if target.sample is None:
        name = target.scenario or next(iter(scenes))
        one_of("--scenario", name, tuple(scenes))
        return scenes[name], None
    for row in dataset.read_table("sample"):
        if row["token"] == target.sample:
            by_token = {scene.token: scene for scene in scenes.values()}
            return by_token[row["scene_token"]], target.sample
    raise ValueError(f"--sample: {dataset.tables / 'sample.json'} has no token {target.sample!r}")
