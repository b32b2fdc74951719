"""Where scenarios come from, by name: a list of requests, each of which yields one scenario."""

from dataclasses import dataclass
from pathlib import Path

from sim.scenario import Scenario
from sim.scenario_check import require_valid
from sim.scenario_file import SUFFIX, load_scenario

SOURCES = ("procedural", "saved", "scenarionet", "nuscenes", "argoverse2")


@dataclass(frozen=True)
class Request:
    """One scenario to be had: number `index` of a run, from a file or from the generator."""

    index: int
    source: str
    name: str
    path: Path | None = None
    families: tuple[str, ...] = ()
    split: str = "val"
    seed: int = 0
    duration_s: float = 15.0


def find_files(source: str, path: Path) -> list[Path]:
    """The scenarios of a folder (or the one file); ValueError where there are none.

    A scenario of source argoverse2 is a folder: a log.
    """
    if source == "argoverse2":
        return _find_logs(path)
    suffix = SUFFIX if source == "saved" else ".pkl"
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ValueError(f"{path}: no such file or folder")
    files = sorted(p for p in path.glob(f"**/*{suffix}") if "dataset_" not in p.name)
    if not files:
        raise ValueError(f"{path}: no {suffix} files in this folder: 0 scenarios matched")
    return files


def _find_logs(path: Path) -> list[Path]:
    from sim.sources.argoverse2 import find_logs

    if not path.is_dir():
        raise ValueError(f"{path}: no such folder")
    logs = find_logs(path)
    if not logs:
        raise ValueError(f"{path}: no Argoverse 2 log in this folder: 0 scenarios matched")
    return logs


def load(requests: list[Request]) -> tuple[list[tuple[Request, Scenario]], list[dict[str, str]]]:
    """The scenarios of some requests, and for each that cannot be had its name and the reason."""
    loaded: list[tuple[Request, Scenario]] = []
    skipped: list[dict[str, str]] = []
    generated = [r for r in requests if r.source == "procedural"]
    if generated:
        from sim.sources.procedural import numbered_draft
        from sim.sources.procedural.record import record

        drafts = [
            numbered_draft(list(r.families), r.split, r.seed, r.index, r.duration_s)
            for r in generated
        ]
        recorded = record(drafts)
        for scenario in recorded:
            require_valid(scenario)
        loaded += zip(generated, recorded, strict=True)
    for request in requests:
        if request.path is None:
            continue
        try:
            loaded.append((request, _read(request.source, request.path)))
        except ValueError as error:
            skipped.append({"scenario": request.name, "reason": str(error)})
    return loaded, skipped


def _read(source: str, path: Path) -> Scenario:
    if source == "saved":
        return load_scenario(path)
    if source == "nuscenes":
        from sim.sources.nuscenes import load_converted

        return load_converted(path)
    if source == "argoverse2":
        from sim.sources.argoverse2 import read_scenario
    else:
        from sim.sources.scenarionet import read_scenario

    scenario = read_scenario(path)
    try:
        require_valid(scenario)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return scenario
