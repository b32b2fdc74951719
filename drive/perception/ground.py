"""Which points of a sweep are ground."""

import contextlib
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
from jaxtyping import Bool, Float

_NEAR_PLANE_M = 0.2
_FLAT = 0.95  # cosine of the steepest plane
_TRIES = 200
_AROUND_M = 1.5  # of where the ground is expected: candidates for the plane


def is_ground(point_m: Float[np.ndarray, "n 3"], sensor_height_m: float) -> Bool[np.ndarray, " n"]:
    """Points as the sensor sees them (x forward, z up), which is so high above the ground.

    Patchwork++ (Lee et al., IROS 2022), zone by zone; where it is not installed, one plane for all.
    Points that are not finite are not ground.
    """
    finite = np.isfinite(point_m).all(axis=1)
    found = np.zeros(len(point_m), dtype=bool)
    if finite.any():
        by = _by_zones if find_spec("pypatchworkpp") else by_plane
        found[finite] = by(point_m[finite], sensor_height_m)
    return found


def _by_zones(point_m: Float[np.ndarray, "n 3"], sensor_height_m: float) -> Bool[np.ndarray, " n"]:
    import pypatchworkpp

    parameters = pypatchworkpp.Parameters()
    parameters.sensor_height = sensor_height_m
    parameters.enable_RNR = False  # looks at intensities, which not every sweep has
    parameters.max_range = 100.0
    with _silent():
        estimator = pypatchworkpp.patchworkpp(parameters)
    estimator.estimateGround(np.column_stack((point_m, np.zeros(len(point_m)))))
    found = np.zeros(len(point_m), dtype=bool)
    found[np.asarray(estimator.getGroundIndices(), dtype=np.int64)] = True
    return found


def by_plane(
    point_m: Float[np.ndarray, "n 3"], sensor_height_m: float, seed: int = 0
) -> Bool[np.ndarray, " n"]:
    """Near the nearly level plane that holds most points, of those through three drawn ones (RANSAC).

    Where there is none, near the level one below the sensor.
    """
    rng = np.random.default_rng(seed)
    low = point_m[np.abs(point_m[:, 2] + sensor_height_m) < _AROUND_M]
    best, plane = 0, np.array((0.0, 0.0, 1.0, sensor_height_m))
    for _ in range(_TRIES if len(low) >= 3 else 0):
        a, b, c = low[rng.choice(len(low), 3, replace=False)]
        normal = np.cross(b - a, c - a)
        length = np.linalg.norm(normal)
        if length < 1e-6 or abs(normal[2]) < _FLAT * length:
            continue
        normal = normal / length * np.sign(normal[2])
        held = int((np.abs((low - a) @ normal) < _NEAR_PLANE_M).sum())
        if held > best:
            best, plane = held, np.array((*normal, -float(normal @ a)))
    return point_m @ plane[:3] + plane[3] < _NEAR_PLANE_M


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """What C++ prints goes nowhere."""
    sys.stdout.flush()
    held, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(held, 1)
        os.close(held)
        os.close(nowhere)
