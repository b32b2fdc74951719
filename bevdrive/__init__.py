"""bevdrive for programs and notebooks: scenarios, planners and scores in a few lines.

    import bevdrive
    scenarios = bevdrive.generate(families=["roundabout"], count=8, seed=3)
    results = bevdrive.simulate(scenarios, planner=["idm", "pdm"])
    results.means()

docs/python.md tells of each. Nothing heavy is imported before it is asked for.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bevdrive.closed_loop import simulate
    from bevdrive.learning import collect, discover, forecast, train
    from bevdrive.results import Results
    from bevdrive.scenarios import Scenario, Scenarios, generate, load
    from sim.errors import InputError
    from sim.interface import Needs, Observation, Plan

__all__ = [
    "InputError", "Needs", "Observation", "Plan", "Results", "Scenario", "Scenarios", "collect", "discover",
    "forecast", "generate", "load", "simulate", "train",
]  # fmt: skip
_PLACES = {
    "simulate": "bevdrive.closed_loop",
    **dict.fromkeys(("collect", "discover", "forecast", "train"), "bevdrive.learning"),
    "Results": "bevdrive.results",
    **dict.fromkeys(("Scenario", "Scenarios", "generate", "load"), "bevdrive.scenarios"),
    "InputError": "sim.errors",
    **dict.fromkeys(("Needs", "Observation", "Plan"), "sim.interface"),
}


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module 'bevdrive' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return __all__


def _take_drive() -> None:
    """Import `drive` from beside this package, and by it `sim` and `eval`, before others are found.

    Raises ImportError where something else by one of these names was imported already.
    """
    beside = Path(__file__).resolve().parents[1]
    sys.path.insert(0, str(beside))
    try:
        found = getattr(import_module("drive"), "__file__", None)
    finally:
        sys.path.remove(str(beside))
    if Path(found or "").resolve() != beside / "drive" / "__init__.py":
        told = f"{found or 'a folder of that name'} was imported before it"
        raise ImportError(
            f"bevdrive has a package 'drive' of its own, and {told}: import bevdrive first"
        )


_take_drive()
