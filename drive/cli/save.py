"""`bevdrive save`."""

import sys
from dataclasses import dataclass, field, fields
from pathlib import Path

from drive.cli.groups import SCENARIO
from drive.cli.options import Form
from sim.sources.query import SourceQuery


@dataclass(frozen=True)
class SaveOptions(SourceQuery):
    """Write scenarios to files that load fast, exactly, and without pickle.

    Examples:
      bevdrive save --families roundabout --count 100 --split train --to data/roundabouts
      bevdrive save --source scenarionet --path ../shared/data/nuscenes_mini_scenarionet --to data/mini
      bevdrive simulate --source saved --path data/mini --planner pdm

    Exit codes: 0 all well; 1 some scenarios were skipped; 2 wrong input; 130 interrupted.
    """

    to: Path = field(kw_only=True)
    """the folder to write to; files of the same name there are replaced"""


def forms() -> dict[str, Form]:
    """The one that there is."""
    groups = {"output": ("to",), "scenario": SCENARIO}
    return {"": Form(SaveOptions, "bevdrive save", groups)}


def parse(arguments: list[str]) -> SaveOptions:
    """What is to be saved, and where."""
    return forms()[""].parse(arguments)


def run(arguments: list[str]) -> int:
    """Find, load and save; returns the exit code. Raises InputError for wrong input."""
    options = parse(arguments)
    from drive.pipelines.save import save

    query = SourceQuery(**{f.name: getattr(options, f.name) for f in fields(SourceQuery)})
    saved = save(query, options.to)
    for entry in saved.skipped:
        print(f"skipped {entry['scenario']}: {entry['reason']}", file=sys.stderr)
    before = f", {saved.unchanged} of them already" if saved.unchanged else ""
    print(f"{saved.count} scenarios in {options.to}{before}")
    return 1 if saved.skipped else 0
