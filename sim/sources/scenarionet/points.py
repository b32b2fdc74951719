"""Lines and outlines of ScenarioNet map features."""

import numpy as np
from jaxtyping import Float

from sim.errors import InputError

_LONGEST_M = 10_000.0
_COARSEST_M = 0.05


def points_of(feature: dict, field: str, name: str) -> Float[np.ndarray, "k 2"]:
    """The x and y of a feature's line or outline; InputError where one is not a number."""
    where = f"map_features.{name}.{field}"
    raw = np.asarray(feature.get(field, ()))
    if raw.ndim != 2 or raw.shape[1] < 2:
        return np.zeros((0, 2))
    if raw.dtype.kind not in "iuf":
        raise InputError(f"{where}: {raw.dtype}, no numbers")
    points = raw[:, :2].astype(np.float64)
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points)).any(axis=1).argmax())
        raise InputError(f"{where}: not a number at point {bad}")
    require_precise(raw[:, :2], where)
    if np.abs(np.diff(points, axis=0)).max(initial=0.0) > _LONGEST_M:
        raise InputError(f"{where}: points more than {_LONGEST_M:g} m apart")
    return points


def require_precise(raw: np.ndarray, where: str) -> None:
    """Raise InputError for places in single precision, so far out that it is steps of centimetres."""
    if raw.dtype.kind != "f" or raw.dtype.itemsize > 4:
        return
    finite = raw[np.isfinite(raw)]
    step_m = float(np.spacing(np.abs(finite).max())) if len(finite) else 0.0
    if step_m > _COARSEST_M:
        raise InputError(
            f"{where}: {raw.dtype} so far from its origin is in steps of {step_m:.2g} m"
        )
