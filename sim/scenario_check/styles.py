"""The styles of drivers and people on foot: one row an agent, each value in its range."""

import numpy as np

from sim.errors import InputError
from sim.scenario import Styles, Yielding
from sim.scenario_check.values import require_array, require_type

_RANGES = {
    "speed_factor": (0.1, 3.0), "headway_s": (0.1, 10.0), "min_gap_m": (0.1, 20.0),
    "max_acceleration_mps2": (0.1, 8.0), "braking_mps2": (0.1, 8.0), "reaction_s": (0.0, 3.0),
    "politeness": (0.0, 1.0), "accepted_gap_s": (0.0, 30.0), "lane_change_s": (1.0, 20.0),
    "noise_mps2": (0.0, 3.0),
}  # fmt: skip
_YIELDS = (float(min(Yielding)), float(max(Yielding)))


def check_styles(styles: Styles, track_id: list[str]) -> None:
    """Raise InputError for the first thing that is wrong."""
    require_type("styles", styles, Styles)
    shape = (len(track_id),)
    for name in ("runs_red", "rolls_stop"):
        require_array(f"styles.{name}", getattr(styles, name), shape, "b")
    require_array("styles.yields", styles.yields, shape, "i")
    _require_between("yields", styles.yields, _YIELDS, track_id)
    for name, ends in _RANGES.items():
        require_array(f"styles.{name}", getattr(styles, name), shape, "f")
        _require_between(name, getattr(styles, name), ends, track_id)


def _require_between(
    name: str, values: np.ndarray, ends: tuple[float, float], track_id: list[str]
) -> None:
    low, high = ends
    bad = ~((values >= low) & (values <= high))
    if bad.any():
        n = int(bad.argmax())
        raise InputError(
            f"styles.{name}: agent {track_id[n]}: {values[n]} is not between {low:g} and {high:g}"
        )
