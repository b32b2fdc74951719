"""`bevdrive simulate`."""

import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import tyro

from drive.config import SimulateConfig, check_choices, from_dict, from_yaml


@dataclass(frozen=True)
class _Preset:
    """The two options that say where the others start from."""

    preset: Path | None = None
    """a YAML file with any of these options; the command line overrides it"""
    resume: Path | None = None
    """go on with the run of this folder; its config decides, other options are ignored"""


def run(arguments: list[str]) -> int:
    """Parse, check everything that can be checked, then start; returns the exit code."""
    config, folder = _resolve(arguments)
    from eval.report.run_folder import RunFolder, score_table

    requests = _requests(config)
    if folder is None:
        name = config.name or time.strftime("%Y%m%d-%H%M%S")
        folder = RunFolder.create(config.out, name, _plain(config))
    from drive.simulate import simulate

    began = time.perf_counter()
    outcome = simulate(config, folder, requests)
    print(score_table(outcome.summary))
    print(
        f"{len(requests)} scenarios in {time.perf_counter() - began:.1f} s: {outcome.folder}/report.html"
    )
    if outcome.num_skipped:
        print(f"{outcome.num_skipped} scenarios could not be used; see the report", file=sys.stderr)
        return 1
    return 0


def _resolve(arguments: list[str]):
    """The config, and the run folder to go on with (None: a new run)."""
    arguments = _split_commas(arguments)
    known, rest = _take(arguments)
    if known.resume is not None:
        from eval.report.run_folder import RunFolder

        folder = RunFolder.open(known.resume)
        return from_dict(folder.config(), SimulateConfig(), "config.yaml"), folder
    base = SimulateConfig() if known.preset is None else from_yaml(known.preset, SimulateConfig())
    description = (
        f"{SimulateConfig.__doc__}\n--preset FILE and --resume RUN_DIR come before everything else."
    )
    config = tyro.cli(
        SimulateConfig, args=rest, default=base, prog="bevdrive simulate", description=description
    )
    check_choices(config)
    return config, None


def _take(arguments: list[str]) -> tuple[_Preset, list[str]]:
    """Take --preset and --resume out of the arguments."""
    known, rest = _Preset(), []
    queue = list(arguments)
    while queue:
        word = queue.pop(0)
        name, _, value = word.partition("=")
        if name in ("--preset", "--resume"):
            if not value and not queue:
                raise ValueError(f"{name}: a path must follow")
            known = replace(known, **{name[2:]: Path(value or queue.pop(0))})
        else:
            rest.append(word)
    return known, rest


def _split_commas(arguments: list[str]) -> list[str]:
    """`--families a,b` is `--families a b`."""
    words: list[str] = []
    for word in arguments:
        listed = "," in word and words and not word.startswith("-") and _option(words) in _LISTS
        words += [w for w in word.split(",") if w] if listed else [word]
    return words


_LISTS = ("--families", "--planner")


def _option(words: list[str]) -> str:
    return next((word for word in reversed(words) if word.startswith("--")), "")


def _requests(config: SimulateConfig):
    """What to load; raises ValueError where there is nothing."""
    from sim.sources import Request

    if config.source == "scenarionet":
        from sim.sources.scenarionet import find_scenarios

        if config.path is None:
            raise ValueError("--path: source scenarionet needs a file or a folder")
        files = find_scenarios(config.path)[: config.count]
        return [Request(k, "scenarionet", file.name, path=file) for k, file in enumerate(files)]
    from sim.sources.procedural import FAMILIES

    families = config.families or FAMILIES
    return [
        Request(k, "procedural", f"{families[k % len(families)]}-{k}", None, families,
                config.split, config.seed, config.duration_s)
        for k in range(config.count)
    ]  # fmt: skip


def _plain(config: SimulateConfig) -> dict:
    """The config as YAML can hold it."""
    values = asdict(config)
    for key, value in values.items():
        if isinstance(value, Path):
            values[key] = str(value)
        elif isinstance(value, tuple):
            values[key] = list(value)
    return values
