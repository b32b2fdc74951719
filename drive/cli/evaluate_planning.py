"""`bevdrive evaluate planning --planner`."""

import sys
import time

import tyro

from drive.cli.interruption import stopped
from drive.cli.named_in_full import named_in_full
from drive.cli.words import split_commas
from drive.pipelines.evaluate.open_loop_config import OpenLoopConfig, check


def run(arguments: list[str]) -> int:
    """Check everything that can be checked, then score; returns the exit code.

    Raises InputError for wrong input; nothing is written then.
    """
    config = tyro.cli(
        OpenLoopConfig,
        args=split_commas(arguments),
        prog="bevdrive evaluate planning",
        description=OpenLoopConfig.__doc__,
    )
    check(config)
    config = named_in_full(config)
    from drive.pipelines.evaluate.open_loop import evaluate_open_loop
    from drive.pipelines.workers import BrokenRun

    began = time.perf_counter()
    try:
        scored = evaluate_open_loop(config, config.name or time.strftime("%Y%m%d-%H%M%S"))
    except (KeyboardInterrupt, BrokenRun, OSError) as stop:
        return stopped(stop, "nothing written")
    print("\n\n".join(table.text() for table in scored.tables.values()))
    for entry in scored.skipped:
        print(f"skipped {entry['scenario']}: {entry['reason']}", file=sys.stderr)
    print(f"{time.perf_counter() - began:.1f} s: {scored.folder}/report.html")
    return 1 if scored.skipped else 0
