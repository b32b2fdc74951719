"""`bevdrive collect`."""

import sys
import time

from drive.cli.groups import COMPUTING, SCENARIO
from drive.cli.interruption import stopped
from drive.cli.options import Form
from drive.pipelines.collect_config import CollectConfig, check
from drive.pipelines.named_in_full import named_in_full


def forms() -> dict[str, Form]:
    """The one that there is."""
    groups = {
        "output": ("out", "every", "sensors"),
        "scenario": SCENARIO,
        "drive": ("planner", "replan", "traffic", "perception", "tries", "successful"),
        "computing": COMPUTING,
    }
    return {"": Form(CollectConfig, "bevdrive collect", groups)}


def parse(arguments: list[str]) -> CollectConfig:
    """The config, not checked yet."""
    return forms()[""].parse(arguments)


def run(arguments: list[str]) -> int:
    """Find, drive, and store; returns the exit code. Raises InputError for wrong input."""
    options = parse(arguments)
    check(options)
    options = named_in_full(options)
    from drive.pipelines.collect import collect
    from drive.pipelines.jobs import BrokenRun

    began = time.perf_counter()
    try:
        store = collect(options)
    except (KeyboardInterrupt, BrokenRun, OSError) as stop:
        return stopped(stop, "to go on: give the same command again")
    skipped = [entry for shard in store.shards for entry in shard.skipped]
    for entry in skipped:
        print(f"skipped {entry['scenario']}: {entry['reason']}", file=sys.stderr)
    print(
        f"{len(store)} examples of {len(store.scenario_ids())} scenarios, "
        f"{store.num_bytes / 1e6:.1f} MB, hash {store.hash}, "
        f"in {time.perf_counter() - began:.1f} s: {options.out}"
    )
    return 1 if skipped else 0
