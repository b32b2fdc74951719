"""`bevdrive simulate`."""

import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drive.cli.groups import COMPUTING, OUTPUT, SCENARIO
from drive.cli.interruption import stopped
from drive.cli.options import Form
from drive.cli.run_log import keep_log, log_alone
from drive.cli.words import told_of, value_of
from drive.pipelines.named_in_full import named_in_full
from drive.pipelines.presets import find_preset, from_dict, from_yaml, to_plain
from drive.pipelines.simulate_config import PRESETS, SimulateConfig, batch_size_of, check
from drive.pipelines.workers import WORK_FIELDS
from drive.planning import PLANNERS
from sim.registry import Registry
from sim.traffic import TRAFFIC

if TYPE_CHECKING:
    from drive.pipelines.simulate import Outcome
    from eval.runs.folder import RunFolder

_FREE_ON_RESUME = set(WORK_FIELDS)  # changes no result
_SHOWN = 5  # lines about what was skipped, and about errors


@dataclass(frozen=True)
class SimulateOptions(SimulateConfig):
    """What the command line has beside the config."""

    preset: str | None = None
    """demo, reactive, nonreactive, or a YAML file with any of these options; the command line overrides it"""
    resume: Path | None = None
    """run folder to go on with, batches with errors included: it keeps its own settings, only
    --workers and --cluster may differ"""


def _names(registry: Registry, role: str) -> str:
    """The help of an option that takes names of a registry."""
    own = "or a class of your own: my_module:MyClass, path/to/file.py:MyClass"
    return f"{role}: {', '.join(registry.builtin)}; {own}"


_PLANNER = _names(PLANNERS, "one or more planners; NAME@RUN: with the weights of that training")
_TRAFFIC = _names(
    TRAFFIC,
    "who moves the others (idm: reactive; uniform: the same, all drivers alike; hostile: the same, no driver "
    "yields or lets anybody in; log: replay of the recording)",
)


def forms() -> dict[str, Form]:
    """The one that there is."""
    groups = {
        "run": ("preset", "resume"),
        "scenario": SCENARIO,
        "planner": ("planner", "forecast", "weights", "refine", "mode", "replan"),
        "simulation": ("traffic", "perception", "sensors"),
        "output": (*OUTPUT, "metric"),
        "computing": COMPUTING,
    }
    helps = {"planner": _PLANNER, "traffic": _TRAFFIC}
    about = SimulateConfig.__doc__
    return {"": Form(SimulateOptions, "bevdrive simulate", groups, helps=helps, about=about)}


def run(arguments: list[str]) -> int:
    """Check everything that can be checked, then start; returns the exit code.

    Raises InputError for wrong input, before anything is written.
    """
    config, folder = parse(arguments)
    check(config)
    config = named_in_full(config)  # --resume stays with these when there are newer ones
    from drive.pipelines.jobs import BrokenRun
    from drive.pipelines.scenarios import find_scenarios, require_usable
    from drive.pipelines.simulate import simulate
    from eval.runs.folder import RunFolder

    refs = find_scenarios(config)
    finished = folder is not None and folder.is_finished(
        len(refs), batch_size_of(config, len(refs))
    )
    if folder is None:
        require_usable(refs)
        name = config.name or time.strftime("%Y%m%d-%H%M%S")
        if _was_finished(config, config.out / name, len(refs)):
            print(f"{config.out / name}: finished already")
            return 0
        folder = RunFolder.create(config.out, name, to_plain(config))
    keep_log(folder.path)
    began = time.perf_counter()
    try:
        outcome = simulate(config, folder, refs)
    except (KeyboardInterrupt, BrokenRun, OSError) as stop:
        return stopped(stop, f"to go on: bevdrive simulate --resume {folder.path}")
    if config.no_videos:
        print(f"bevdrive: no videos: {config.no_videos}", file=sys.stderr)
    if finished:
        print(f"{folder.path}: finished already; tables and report are written again")
    return _tell(outcome, len(refs), time.perf_counter() - began)


def _was_finished(config: SimulateConfig, path: Path, scenarios: int) -> bool:
    """Whether the run of this very command is there, to its end."""
    from eval.runs.folder import RunFolder, is_run_of

    return is_run_of(path, to_plain(config), _FREE_ON_RESUME) and RunFolder(path).is_finished(
        scenarios, batch_size_of(config, scenarios)
    )


def parse(arguments: list[str]) -> tuple[SimulateConfig, "RunFolder | None"]:
    """The config, not checked yet, and the run folder to go on with (None: a new run)."""
    preset, resume = value_of(arguments, "--preset"), value_of(arguments, "--resume")
    folder, base = None, SimulateConfig()
    if resume is not None:
        from eval.runs.folder import RunFolder

        with told_of("--resume"):
            folder = RunFolder.open(Path(resume))
        base = from_dict(folder.config(), base, str(folder.path / "config.yaml"))
    stored = base
    if preset is not None:
        base = from_yaml(find_preset(PRESETS, preset), base)
    options = forms()[""].parse(arguments, SimulateOptions(**vars(base)))
    asked = {field.name: getattr(options, field.name) for field in fields(SimulateConfig)}
    if folder is not None:
        asked = _keep(vars(stored), asked, folder.path)
    return SimulateConfig(**asked), folder


def _keep(stored: dict[str, Any], asked: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What a resumed run goes on with: its own settings; says so where others were asked for."""
    ignored = [k for k in stored if asked[k] != stored[k] and k not in _FREE_ON_RESUME]
    if ignored:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in ignored)
        print(f"bevdrive: {folder} keeps its own settings; ignored: {names}", file=sys.stderr)
    return stored | {name: asked[name] for name in _FREE_ON_RESUME}


def _tell(outcome: "Outcome", scenarios: int, seconds: float) -> int:
    """Print the table, and name what was skipped and what was raised; returns the exit code."""
    from eval.report.error_lines import error_lines
    from eval.report.score_table import score_table
    from eval.runs.folder import RunFolder

    if outcome.summary["planners"]:
        print(score_table(outcome.summary, RunFolder(outcome.folder).declared_metrics()))
    print(f"{scenarios} scenarios in {seconds:.1f} s: {outcome.folder}/report.html")
    skipped, errors = outcome.summary["skipped"], error_lines(outcome.errors)
    lines = []
    for told in (
        [f"skipped {entry['scenario']}: {entry['reason']}" for entry in skipped],
        [f"error: {line.text()}" for line in errors],
    ):
        lines += told[:_SHOWN]
        for line in told[_SHOWN:]:
            log_alone(line)
    if skipped:
        lines.append(
            f"bevdrive: {len(skipped)} scenarios could not be used; report.html lists them"
        )
    if errors:
        again = f"bevdrive simulate --resume {outcome.folder}"
        lines.append(f"bevdrive: tracebacks lie in {outcome.folder}; to try again: {again}")
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0
