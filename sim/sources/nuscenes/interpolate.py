"""Interpolates values of key frames at regular times: smoothly, but not where key frames are missing."""

import numpy as np
from jaxtyping import Bool, Float, Int


def on_grid(
    frame: Int[np.ndarray, " k"],
    time_s: Float[np.ndarray, " k"],
    values: Float[np.ndarray, "k d"],
    grid_s: Float[np.ndarray, " t"],
) -> tuple[Float[np.ndarray, "t d"], Float[np.ndarray, "t d"], Bool[np.ndarray, " t"]]:
    """D values, their rates per second, and whether they are known, at the T times `grid_s`; else 0.

    `values` are those of K frames at `time_s` with the numbers `frame`: where the number rises by more
    than one, frames are missing, and nothing is known in between. A run of consecutive frames is known
    from the time of the grid nearest to its first frame to the one nearest to its last. It is
    interpolated by cubic Hermite splines whose tangents are the central differences of the frames
    (Catmull and Rom 1974), and extrapolated straight by at most half a step. A lone frame has rate 0.
    """
    out, rate = np.zeros((2, len(grid_s), values.shape[1]))
    known = np.zeros(len(grid_s), dtype=bool)
    for run in np.split(np.arange(len(frame)), np.flatnonzero(np.diff(frame) != 1) + 1):
        first, last = nearest_step(time_s[run[[0, -1]]], grid_s)
        steps = slice(first, last + 1)
        known[steps] = True
        if len(run) == 1:
            out[steps] = values[run]
        else:
            out[steps], rate[steps] = _hermite(time_s[run], values[run], grid_s[steps])
    return out, rate, known


def nearest_step(
    time_s: Float[np.ndarray, " k"], grid_s: Float[np.ndarray, " t"]
) -> Int[np.ndarray, " k"]:
    """The index of the time in `grid_s` nearest to each of `time_s`."""
    return np.abs(grid_s[None] - time_s[:, None]).argmin(axis=1)


def _hermite(
    time_s: np.ndarray, values: np.ndarray, at_s: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    from scipy.interpolate import CubicHermiteSpline

    spline = CubicHermiteSpline(time_s, values, np.gradient(values, time_s, axis=0))
    inside = at_s.clip(time_s[0], time_s[-1])
    rate = spline(inside, 1)
    return spline(inside) + rate * (at_s - inside)[:, None], rate
