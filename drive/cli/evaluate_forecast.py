"""`bevdrive evaluate forecast`."""

from typing import Any

from drive.cli import evaluate_examples
from drive.pipelines.evaluate.forecast_config import ForecastConfig, check


def run(arguments: list[str]) -> int:
    """As `evaluate_examples.run`."""
    return evaluate_examples.run(arguments, "forecast", ForecastConfig, check, _pipeline)


def _pipeline() -> Any:
    from drive.pipelines.evaluate.forecast import evaluate_forecast

    return evaluate_forecast
