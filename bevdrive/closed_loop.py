"""`simulate`: scenarios in memory, or still to be loaded, through the pipeline of the command line."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bevdrive.options import filled
from bevdrive.results import Results
from bevdrive.scenarios import Scenarios
from drive.pipelines.simulate_config import SimulateConfig
from sim.errors import InputError
from sim.sources.query import ScenarioRef, SourceQuery

if TYPE_CHECKING:
    from drive.pipelines.simulate import Outcome
    from eval.runs.folder import RunFolder
    from sim.interface import Planner
    from sim.scenario import Scenario

_IN_MEMORY = SourceQuery(source="memory")
_TOLD_ELSEWHERE = (*vars(_IN_MEMORY), "name", "out")  # by the scenarios, and by `Results.save`


def simulate(
    scenarios: "Scenarios | Scenario | Iterable[Scenario]",
    planner: "str | type[Planner] | Planner | Sequence[str | type[Planner] | Planner]" = "pdm",
    *,
    traffic: str = "idm",
    perception: str | None = None,
    replan_s: float | None = None,
    device: str = "cpu",
    workers: int = 0,
    **options: Any,
) -> Results:
    """Drive scenarios in closed loop, and score them: what `bevdrive simulate` does, with the same figures.

    `planner`: one or several: names as there, classes, or objects. An object drives all batches, and its
    `reset` is called before each. `workers`: processes (-1: one per core), for planners that are names.
    `options`: the others of the command line: forecast, weights, mode, refine, metric, batch_size, videos ...

    What cannot be used, or raises, is a warning and part of the results: the rest goes on. Raises InputError
    for what is wrong with the arguments, and where no scenario can be used.
    """
    from drive.pipelines.named_in_full import named_in_full
    from drive.pipelines.presets import to_plain
    from drive.pipelines.simulate import drive_scenarios
    from drive.pipelines.simulate_config import check
    from drive.planning import PLANNERS
    from eval.runs.folder import RunFolder

    names, own = _named(planner)
    query = scenarios.query if isinstance(scenarios, Scenarios) else _IN_MEMORY
    given = {
        "planner": names, "traffic": traffic, "perception": perception, "replan": replan_s,
        "device": device, "workers": workers,
    }  # fmt: skip
    base = filled(SimulateConfig(**vars(query)), given, "simulate")
    config = filled(base, options, "simulate", _TOLD_ELSEWHERE)
    if own and (config.workers != 0 or config.cluster is not None):
        told = f"{', '.join(own)}: only a planner with a name, as path/to/file.py:MyPlanner"
        raise InputError(f"workers: {told}, drives in other processes")
    scratch = TemporaryDirectory(prefix="bevdrive-")
    with PLANNERS.lent(own):
        check(config)
        config = named_in_full(config)
        folder = RunFolder.create(Path(scratch.name), "results", to_plain(config))
        outcome = drive_scenarios(config, folder, _refs(scenarios, folder))
    _warn(outcome)
    return Results(config, folder, outcome, scratch)


def _named(planner: Any) -> tuple[list[str], dict[str, Any]]:
    """What planners are called, and those that are no names by what they are called: by their class."""
    names: list[str] = []
    own: dict[str, Any] = {}
    for one in planner if isinstance(planner, list | tuple) else [planner]:
        if isinstance(one, str):
            names.append(one)
            continue
        plain = one.__name__ if isinstance(one, type) else type(one).__name__
        name, number = plain, 1
        while name in own:
            number += 1
            name = f"{plain}-{number}"
        names.append(name)
        own[name] = one
    return names, own


def _refs(
    scenarios: "Scenarios | Scenario | Iterable[Scenario]", folder: "RunFolder"
) -> list[ScenarioRef]:
    """Where the pipeline finds them; those in memory are put where it keeps what it drives."""
    from sim.scenario import Scenario

    if isinstance(scenarios, Scenarios):
        return [replace(ref, index=k) for k, ref in enumerate(scenarios.refs)]
    refs = []
    for k, scenario in enumerate([scenarios] if isinstance(scenarios, Scenario) else scenarios):
        folder.write_scenario(k, scenario)
        length_s = scenario.dt_s * (scenario.num_instants - 1)
        path = folder.scenario_path(k)
        refs.append(ScenarioRef("saved", scenario.scenario_id, path, length_s, k))
    return refs


def _warn(outcome: "Outcome") -> None:
    """Of what could not be used, and of what was raised."""
    from eval.report.error_lines import error_lines

    lines = [f"skipped {one['scenario']}: {one['reason']}" for one in outcome.summary["skipped"]]
    tracebacks = "(tracebacks: Results.errors)"
    lines += [f"error: {line.text()} {tracebacks}" for line in error_lines(outcome.errors)]
    for line in lines:
        warnings.warn(line, stacklevel=3)
