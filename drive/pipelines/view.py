"""What `bevdrive view` can be pointed at, each as a `ViewedScene`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sim.errors import InputError, one_of
from sim.remote import fetch
from sim.sources.query import ScenarioRef, SourceQuery

if TYPE_CHECKING:
    from eval.runs.drive_record import DriveRecord
    from eval.runs.folder import RunFolder
    from eval.view.thought import ThoughtSource
    from eval.view.viewed_scene import ViewedScene
    from sim.interface import Perception
    from sim.scenario import Scenario

TOLD_BY_PATH = "auto"


@dataclass(frozen=True)
class ViewTarget(SourceQuery):
    """What to look at; see `bevdrive view --help`. `lidar`: real (where there is one), simulated.

    `planner`: whose drive of a run; and whose thoughts are shown, if it rates candidates. `stage`: of a
    discovery; `weights`: of the detector that looks at a sweep.
    """

    source: str = TOLD_BY_PATH
    families: tuple[str, ...] = ("signalized_junction",)
    planner: str | None = None
    sample: str | None = None
    lidar: str = "real"
    stage: str | None = None
    weights: str | None = None


def find_viewed_scene(target: ViewTarget) -> "ViewedScene":
    """The scene that `target` names; raises InputError, naming the choices, where there is none."""
    from drive.pipelines.discover_view import detected_scene, discovered_scene, is_discovery
    from sim.sources.sweep_file import SUFFIXES

    one_of("--lidar", target.lidar, ("real", "simulated"))
    path = fetch(target.path) if target.path is not None else None
    is_sweep = path is not None and path.is_file() and path.name.endswith(SUFFIXES)
    if target.weights is not None and not is_sweep:
        raise InputError(
            f"--weights {target.weights}: only for a lidar sweep ({', '.join(SUFFIXES)})"
        )
    if target.stage is not None and (path is None or not is_discovery(path)):
        raise InputError(f"--stage {target.stage}: only for the folder of a discovery")
    if path is not None:
        if target.dataroot is not None:
            raise InputError(f"{path}: either a path or --dataroot, not both")
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
        if (path / "config.yaml").is_file():
            return _of_run(target, path)
        if is_discovery(path):
            drive = target.scenario[0] if target.scenario else None
            return discovered_scene(path, drive, target.stage)
        if is_sweep and target.weights is not None:
            return detected_scene(path, target.weights)
        if is_sweep:
            return _thought_of(target, lambda: _of_sweep(path))
    return _thought_of(target, lambda: _of_source(replace(target, source=_source(target))))


def _source(target: ViewTarget) -> str:
    from sim.sources.finding import source_of
    from sim.sources.sweep_file import SUFFIXES

    if target.source != TOLD_BY_PATH:
        return target.source
    if target.path is None:
        return "procedural" if target.dataroot is None else "nuscenes"
    try:
        return source_of(target.path)
    except InputError as error:
        raise InputError(
            f"{error}, and it is no run (config.yaml) nor a lidar sweep ({', '.join(SUFFIXES)})"
        ) from None


def _thought_of(target: ViewTarget, make: "Callable[[], ViewedScene]") -> "ViewedScene":
    """A recording, with what the planner that is named would think in it; that one is made first."""
    from drive.pipelines.view_thoughts import PlannerThoughts, rating_planner
    from drive.planning import PLANNERS

    name = target.planner
    if name is None:
        return make()
    planner = rating_planner(name)
    scene = make()
    thoughts = PlannerThoughts(planner, scene.scenario)
    label = PLANNERS.labels([name])[name]
    return replace(scene, thoughts=thoughts, title=f"{label} in {scene.title}")


def _of_run(target: ViewTarget, path: Path) -> "ViewedScene":
    """The drive of the planner that is named, or else of the run's first; with what the named one thinks."""
    from drive.pipelines.run_drives import find_drives, planners_of
    from drive.planning import PLANNERS
    from eval.runs.drive_record import DriveRecord
    from eval.runs.folder import RunFolder
    from eval.view.viewed_scene import ViewedScene

    held, folder, name = planners_of(path), RunFolder.open(path), target.planner
    label = name if name is None or name in held else PLANNERS.labels([name])[name]
    whose = label if label in held else held[0]
    drive = find_drives(path, whose, target.scenario, target.exclude)[0]
    record = DriveRecord.load(folder.drive_path(drive.planner, drive.index))
    title = f"{drive.planner}: {drive.scenario_id}"
    scene = ViewedScene.of(folder.read_scenario(drive.index), record, title=title)
    scene = replace(scene, first_instant=_first_failure(record))
    if name is None or label is None:
        return scene
    thoughts = _thoughts_in(folder, held, name, label, scene.scenario, record)
    title = title if label in held else f"{label} in {title}"
    return replace(scene, thoughts=thoughts or scene.thoughts, title=title)


def _first_failure(record: "DriveRecord") -> int:
    """When the drive first fails in the gravest way, collisions before comfort; the start: it does not."""
    from eval.metrics.suite import declared

    return next(iter(record.failures(declared()).values()), 0)


def _thoughts_in(
    folder: "RunFolder",
    held: list[str],
    name: str,
    label: str,
    scenario: "Scenario",
    record: "DriveRecord",
) -> "ThoughtSource | None":
    """What a planner would think in a drive; None: the run holds what it thought, and it cannot be asked.

    What a tracker knows at an instant hangs on all that it saw before: nobody is asked anew about that.
    """
    from drive.pipelines.perception import is_discovered
    from drive.pipelines.presets import from_dict
    from drive.pipelines.simulate_config import SimulateConfig
    from drive.pipelines.view_thoughts import PlannerThoughts, rating_planner
    from drive.planning import PLANNERS

    config = from_dict(folder.config(), SimulateConfig(), str(folder.path / "config.yaml"))
    names = {label: name for name, label in PLANNERS.labels(config.planner).items()}
    if is_discovered(config.perception):
        if label in held:
            return None
        told = f"{folder.path} was driven with --perception discovered, by {', '.join(held)}"
        raise InputError(f"--planner {name}: cannot be asked anew: {told}")
    try:
        planner = rating_planner(names.get(label, name), held, config)
    except InputError:
        if label in held:
            return None
        raise
    return PlannerThoughts(planner, scenario, record, cast("Perception | None", config.perception))


def _of_sweep(path: Path) -> "ViewedScene":
    from eval.view.lidar_points import SingleSweep
    from eval.view.viewed_scene import ViewedScene
    from sim.sources.sweep_file import read_sweep_file

    scenario, cloud = read_sweep_file(path)
    return ViewedScene.of(scenario, points=SingleSweep(scenario, cloud))


def _of_source(target: ViewTarget) -> "ViewedScene":
    """One scenario, with the sweeps that its source has."""
    from eval.view.viewed_scene import ViewedScene
    from sim.sources.finding import prepare
    from sim.sources.loading import load_one

    if target.sample is not None:
        target = replace(target, scenario=(_scene_of_sample(target),))
    ref = _choose(target)
    for _ in prepare(target, [ref]):
        pass
    has_sweeps = _WITH_SWEEPS.get(target.source) if target.lidar == "real" else None
    return has_sweeps(target, ref) if has_sweeps else ViewedScene.of(load_one(ref))


def _choose(target: ViewTarget) -> ScenarioRef:
    """The scenario that is asked for; not named, the only one of a path, or the first of the others."""
    from sim.sources.finding import find

    refs = find(target)
    if target.path is not None and len(refs) > 1:
        names = ", ".join(ref.name for ref in refs[:8])
        raise InputError(f"{target.path}: --scenario: name one of {names}")
    return refs[0]


def _of_log(target: ViewTarget, ref: ScenarioRef) -> "ViewedScene":
    from eval.view.lidar_points import RecordedPoints
    from eval.view.viewed_scene import ViewedScene
    from sim.sources.argoverse2.sweeps import list_sweeps
    from sim.sources.loading import load_one

    scenario = load_one(ref)
    assert ref.path is not None
    points = RecordedPoints(scenario, list_sweeps(ref.path, scenario))
    instants = points.instants()
    if not instants:
        return ViewedScene.of(scenario)
    return replace(ViewedScene.of(scenario, points=points), first_instant=instants[0])


def _of_scene(target: ViewTarget, ref: ScenarioRef) -> "ViewedScene":
    from eval.view.lidar_points import RecordedPoints
    from eval.view.viewed_scene import ViewedScene
    from sim.sources.loading import load_one
    from sim.sources.nuscenes import sweeps
    from sim.sources.nuscenes.source import dataset_of, scene_file

    scenario, file = load_one(ref), scene_file(ref)
    points = RecordedPoints(scenario, list(sweeps(dataset_of(target), file, scenario)))
    instant = 0
    if target.sample is not None:
        rows = file.read_side()["samples"]
        times_us = {token: time_us for token, time_us in rows}
        first_us = rows[0][1]
        instant = round((times_us[target.sample] - first_us) * 1e-6 / scenario.dt_s)
    shown = ViewedScene.of(scenario, points=points, title=ref.name)
    return replace(shown, first_instant=min(instant, shown.num_instants - 1))


_WITH_SWEEPS: dict[str, Callable[[ViewTarget, ScenarioRef], "ViewedScene"]] = {
    "argoverse2": _of_log,
    "nuscenes": _of_scene,
}


def _scene_of_sample(target: ViewTarget) -> str:
    """The name of the scene to which the sample of `--sample` belongs."""
    from sim.sources.nuscenes import list_scenes
    from sim.sources.nuscenes.source import dataset_of

    dataset = dataset_of(target)
    scenes = {scene.token: scene.name for scene in list_scenes(dataset, target.cache).values()}
    for row in dataset.read_table("sample"):
        if row["token"] == target.sample:
            return scenes[row["scene_token"]]
    raise InputError(f"--sample: {dataset.tables / 'sample.json'} has no token {target.sample!r}")
