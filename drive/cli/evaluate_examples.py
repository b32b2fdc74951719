"""What `bevdrive evaluate forecast` and `evaluate planning --planner` share: check, score, tell."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tyro

from drive.cli.interruption import stopped
from drive.cli.words import split_commas
from drive.pipelines.named_in_full import named_in_full

if TYPE_CHECKING:
    from drive.pipelines.evaluate.examples import ExampleScores


def run(
    arguments: list[str],
    verb: str,
    cls: type,
    check: Callable[[Any], None],
    pipeline: Callable[[], "Callable[[Any, str], ExampleScores]"],
) -> int:
    """Check everything that can be checked, then score; returns the exit code.

    `pipeline` imports what scores. Raises InputError for wrong input; nothing is written then.
    """
    config = tyro.cli(
        cls, args=split_commas(arguments), prog=f"bevdrive evaluate {verb}", description=cls.__doc__
    )
    check(config)
    config = named_in_full(config)
    from drive.pipelines.jobs import BrokenRun

    began = time.perf_counter()
    try:
        scored = pipeline()(config, config.name or time.strftime("%Y%m%d-%H%M%S"))
    except (KeyboardInterrupt, BrokenRun, OSError) as stop:
        return stopped(stop, "nothing written")
    print(scored)
    for entry in scored.skipped:
        print(f"skipped {entry['scenario']}: {entry['reason']}", file=sys.stderr)
    print(f"{time.perf_counter() - began:.1f} s: {scored.folder}/report.html")
    return 1 if scored.skipped else 0
