"""`bevdrive evaluate forecast` and `evaluate planning --planner`: check, score, tell."""

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from drive.cli.interruption import stopped
from drive.cli.run_log import keep_log
from drive.pipelines.evaluate import forecast_config, open_loop_config
from drive.pipelines.evaluate.forecast_config import ForecastConfig
from drive.pipelines.evaluate.open_loop_config import OpenLoopConfig
from drive.pipelines.named_in_full import named_in_full

if TYPE_CHECKING:
    from drive.pipelines.evaluate.examples import ExampleScores


def run(config: ForecastConfig | OpenLoopConfig) -> int:
    """Check everything that can be checked, then score; returns the exit code.

    Raises InputError for wrong input; nothing is written then.
    """
    score = _forecast(config) if isinstance(config, ForecastConfig) else _open_loop(config)
    from drive.pipelines.jobs import BrokenRun

    began = time.perf_counter()
    try:
        scored = score(config.name or time.strftime("%Y%m%d-%H%M%S"))
    except (KeyboardInterrupt, BrokenRun, OSError) as stop:
        return stopped(stop, "nothing written")
    keep_log(scored.folder)
    print(scored)
    for entry in scored.skipped:
        print(f"skipped {entry['scenario']}: {entry['reason']}", file=sys.stderr)
    print(f"{time.perf_counter() - began:.1f} s: {scored.folder}/report.html")
    return 1 if scored.skipped else 0


def _forecast(config: ForecastConfig) -> "Callable[[str], ExampleScores]":
    """What scores into a run folder of a name."""
    forecast_config.check(config)
    config = named_in_full(config)
    from drive.pipelines.evaluate.forecast import evaluate_forecast

    return partial(evaluate_forecast, config)


def _open_loop(config: OpenLoopConfig) -> "Callable[[str], ExampleScores]":
    open_loop_config.check(config)
    config = named_in_full(config)
    from drive.pipelines.evaluate.open_loop import evaluate_open_loop

    return partial(evaluate_open_loop, config)
