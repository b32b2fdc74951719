"""What reads each kind of input: read, refused (one clear line), or something bad."""

import shutil
from collections.abc import Callable
from pathlib import Path


def _saved(source: str) -> Callable[[Path, Path], str]:
    def read(case: Path, made: Path) -> str:
        """`bevdrive save`, and a few steps of what it let through."""
        from drive.cli.main import main

        shutil.rmtree(made, ignore_errors=True)
        words = ["--source", source, "--path", str(case), "--to", str(made)]
        if source == "nuscenes":
            words[2] = "--dataroot"
            words += ["--version", "v1.0-sim", "--cache", str(made / "cache")]
        code = main(["save", *words])
        if code == 2:
            return "refused"
        files = sorted(made.glob("*.scenario"))
        if code not in (0, 1) or not files:
            return "traceback"
        return "read" if _run(files) else "invalid"

    return read


def _run(paths: list[Path]) -> bool:
    """Whether the scenarios are driven a few steps, in one batch, scored, and all stays finite."""
    import torch

    from drive.planning import make_planner
    from eval.metrics.suite import evaluate
    from eval.rollout import rollout
    from sim.scenario_file import load_scenario
    from sim.simulator import Simulator

    scenarios = [_cut(load_scenario(path)) for path in paths]
    with torch.no_grad():
        driven = rollout(Simulator.from_scenarios(scenarios, "idm"), make_planner("idm"))
        results = evaluate(driven).values()
    finite = [result.value[result.valid].isfinite().all() for result in results]
    return bool(driven.pose[:, :, 0].isfinite().all()) and all(finite)


def _cut(scenario):
    """Its first second."""
    import dataclasses

    most = 10
    tracks = scenario.tracks
    cut = {
        name: getattr(tracks, name)[:, :most]
        for name in ("position_m", "yaw_rad", "velocity_mps", "valid")
    }
    lights = dataclasses.replace(scenario.lights, state=scenario.lights.state[:, :most])
    return dataclasses.replace(
        scenario,
        tracks=dataclasses.replace(tracks, **cut),
        lights=lights,
        keyframe=scenario.keyframe[:most],
    )


def _sweep(case: Path, made: Path) -> str:
    """The reading half of `bevdrive view`."""
    import numpy as np

    from drive.pipelines.view import ViewTarget, find_viewed_scene
    from sim.errors import InputError

    found = [p for p in case.rglob("*") if p.is_file() and p.suffix in (".bin", ".feather")]
    try:
        points = find_viewed_scene(ViewTarget(path=found[0])).points.at(0)
    except InputError:
        return "refused"
    return "read" if points is not None and np.isfinite(points.xyz_m).all() else "invalid"


def _run_folder(case: Path, made: Path) -> str:
    """`bevdrive report`, and the reading half of `bevdrive view`."""
    from drive.cli.main import main
    from drive.pipelines.view import ViewTarget, find_viewed_scene
    from sim.errors import InputError

    run = next(case.iterdir())
    code = main(["report", str(run)])
    try:
        find_viewed_scene(ViewTarget(path=run, scenario=("0",), planner=None)).points.at(0)
    except InputError:
        code = code or 2
    return {0: "read", 2: "refused"}.get(code, "traceback")


def _preset(case: Path, made: Path) -> str:
    from drive.pipelines.presets import from_yaml
    from drive.pipelines.simulate_config import SimulateConfig, check

    return _read(lambda: check(from_yaml(case / "preset.yaml", SimulateConfig())))


def _results(case: Path, made: Path) -> str:
    from eval.nuscenes.submission import check_submission, detection_format

    return _read(lambda: check_submission(case / "results.json", _split(case), detection_format()))


def _plans(case: Path, made: Path) -> str:
    from eval.nuscenes.planning import read_plans

    return _read(lambda: read_plans(case / "plans.json", _split(case)))


def _predictions(case: Path, made: Path) -> str:
    from eval.nuscenes.prediction import read_predictions

    tables = case / "v1.0-mini"
    tables.mkdir()
    (tables / "instance.json").write_text('[{"token": "car", "category_token": "car"}]')
    return _read(lambda: read_predictions(case / "predictions.json", _split(case)))


def _split(case: Path):
    from eval.nuscenes.dataset import Split

    return Split(case, "v1.0-mini", "mini_val", ("scene-0001",), ("first", "second"))


def _read(read: Callable[[], object]) -> str:
    from sim.errors import InputError

    try:
        read()
    except InputError:
        return "refused"
    return "read"


KINDS: dict[str, Callable[[Path, Path], str]] = {
    "pickle": _saved("scenarionet"),
    "scenario": _saved("saved"),
    "argoverse2": _saved("argoverse2"),
    "kitti": _sweep,
    "nuscenes_bin": _sweep,
    "feather": _sweep,
    "run": _run_folder,
    "preset": _preset,
    "results": _results,
    "motion": _saved("argoverse2_motion"),
    "commonroad": _saved("commonroad"),
    "nuscenes": _saved("nuscenes"),
    "plans": _plans,
    "predictions": _predictions,
}
