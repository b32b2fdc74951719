"""`bevdrive simulate`."""

import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from drive.config import SimulateConfig, check_choices, from_dict, from_yaml, to_plain

if TYPE_CHECKING:
    from eval.runs.folder import RunFolder

_LISTS = ("--families", "--planner")
_FREE_ON_RESUME = {"workers"}  # changes no result
_SHOWN_SKIPS = 5


@dataclass(frozen=True)
class _Options(SimulateConfig):
    preset: Path | None = None
    """YAML file with any of these options; the command line overrides it"""
    resume: Path | None = None
    """run folder to go on with: it keeps its own settings, only --workers may differ"""


def run(arguments: list[str]) -> int:
    """Check everything that can be checked, then start; returns the exit code.

    Raises ValueError for wrong input, before anything is written.
    """
    config, folder = _resolve(split_commas(arguments))
    from drive.pool import BrokenRun
    from drive.simulate import make_requests, require_usable, simulate
    from eval.report.score_table import score_table
    from eval.runs.folder import RunFolder

    requests = make_requests(config)
    if folder is None:
        require_usable(requests)
        name = config.name or time.strftime("%Y%m%d-%H%M%S")
        folder = RunFolder.create(config.out, name, to_plain(config))
    began = time.perf_counter()
    try:
        outcome = simulate(config, folder, requests)
    except (KeyboardInterrupt, BrokenRun) as stop:
        what = "interrupted" if isinstance(stop, KeyboardInterrupt) else stop
        print(
            f"\nbevdrive: {what}; to go on: bevdrive simulate --resume {folder.path}",
            file=sys.stderr,
        )
        return 130 if isinstance(stop, KeyboardInterrupt) else 1
    seconds = time.perf_counter() - began
    print(score_table(outcome.summary, folder.declared_metrics()))
    print(f"{len(requests)} scenarios in {seconds:.1f} s: {folder.path}/report.html")
    return _tell_skipped(outcome.summary["skipped"])


def _resolve(arguments: list[str]) -> tuple[SimulateConfig, "RunFolder | None"]:
    """The config, and the run folder to go on with (None: a new run)."""
    preset, resume = _value(arguments, "--preset"), _value(arguments, "--resume")
    folder, base = None, SimulateConfig()
    if resume is not None:
        from eval.runs.folder import RunFolder

        folder = RunFolder.open(Path(resume))
        base = from_dict(folder.config(), base, str(folder.path / "config.yaml"))
    stored = base
    if preset is not None:
        base = from_yaml(Path(preset), base)
    options = tyro.cli(
        _Options,
        args=arguments,
        default=_Options(**vars(base)),
        prog="bevdrive simulate",
        description=SimulateConfig.__doc__,
    )
    asked = {field.name: getattr(options, field.name) for field in fields(SimulateConfig)}
    if folder is not None:
        asked = _keep(vars(stored), asked, folder.path)
    config = SimulateConfig(**asked)
    check_choices(config)
    return config, folder


def _keep(stored: dict[str, Any], asked: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What a resumed run goes on with: its own settings; says so where others were asked for."""
    ignored = [k for k in stored if asked[k] != stored[k] and k not in _FREE_ON_RESUME]
    if ignored:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in ignored)
        print(f"bevdrive: {folder} keeps its own settings; ignored: {names}", file=sys.stderr)
    return stored | {name: asked[name] for name in _FREE_ON_RESUME}


def _value(arguments: list[str], option: str) -> str | None:
    """What follows an option, as `--option VALUE` or `--option=VALUE`; None: it is not there."""
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if word == option and following:
            return following
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return None


def split_commas(arguments: list[str]) -> list[str]:
    """`--families a,b` and `--families=a,b` are `--families a b`."""
    words: list[str] = []
    option = ""
    for word in arguments:
        if word.startswith("--"):
            option, _, value = word.partition("=")
            if option not in _LISTS or not value:
                words.append(word)
                continue
            words.append(option)
            word = value
        words += [w for w in word.split(",") if w] if option in _LISTS else [word]
    return words


def _tell_skipped(skipped: list[dict[str, str]]) -> int:
    """Names the scenarios that could not be used; returns the exit code."""
    for entry in skipped[:_SHOWN_SKIPS]:
        print(f"skipped {entry['scenario']}: {entry['reason']}", file=sys.stderr)
    if skipped:
        print(
            f"bevdrive: {len(skipped)} scenarios could not be used; report.html lists them",
            file=sys.stderr,
        )
    return 1 if skipped else 0
