"""`bevdrive evaluate planning --planner`."""

from typing import Any

from drive.cli import evaluate_examples
from drive.pipelines.evaluate.open_loop_config import OpenLoopConfig, check


def run(arguments: list[str]) -> int:
    """As `evaluate_examples.run`."""
    return evaluate_examples.run(arguments, "planning", OpenLoopConfig, check, _pipeline)


def _pipeline() -> Any:
    from drive.pipelines.evaluate.open_loop import evaluate_open_loop

    return evaluate_open_loop
