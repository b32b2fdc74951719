"""Lines and outlines of ScenarioNet map features."""

import numpy as np
from jaxtyping import Float

from sim.errors import InputError

_LONGEST_M = 10_000.0


def points_of(feature: dict, field: str, name: str) -> Float[np.ndarray, "k 2"]:
    """The x and y of a feature's line or outline; InputError where one is not a number."""
    points = np.asarray(feature.get(field, ()), dtype=np.float64)
    if points.ndim != 2 or points.shape[1] < 2:
        return np.zeros((0, 2))
    if not np.isfinite(points[:, :2]).all():
        bad = int((~np.isfinite(points[:, :2])).any(axis=1).argmax())
        raise InputError(f"map_features.{name}.{field}: not a number at point {bad}")
    if np.abs(np.diff(points[:, :2], axis=0)).max(initial=0.0) > _LONGEST_M:
        raise InputError(f"map_features.{name}.{field}: points more than {_LONGEST_M:g} m apart")
    return points[:, :2]
