"""Tracks that can be road users: long enough, of a steady size, moving as one can (OYSTER, section 3.2)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from drive.perception.tracks import Track

SIZE_QUANTILE = 0.95  # of what was seen of it: its size
_WINDOW = 11  # frames over which motion is smoothed
_MOVES_MPS = 1.0


@dataclass(frozen=True)
class TrackBounds:
    """What a track has to fulfil. Those that stand stay: this finds road users, not motion."""

    span: int = 10  # frames from its first to its last box
    seen: int = 6  # of these with a box
    size_spread: float = 0.25  # standard deviation of the logarithm of length and of width
    acceleration_mps2: float = 8.0
    yaw_rate_radps: float = 1.0


def plausible(track: Track, dt_s: float, bounds: TrackBounds | None = None) -> bool:
    """Whether it fulfils the bounds (those of `TrackBounds` where none are given)."""
    bounds = bounds or TrackBounds()
    if track.span < bounds.span or track.seen.sum() < bounds.seen:
        return False
    if np.log(track.box[track.seen, 3:5].clip(min=0.05)).std(axis=0).max() > bounds.size_spread:
        return False
    velocity = smoothed(track.box[:, :2], dt_s, derivative=1)
    push = np.linalg.norm(smoothed(track.box[:, :2], dt_s, derivative=2), axis=1)
    if push.max() > bounds.acceleration_mps2:
        return False
    moves = np.linalg.norm(velocity, axis=1) > _MOVES_MPS
    heading = np.unwrap(np.arctan2(velocity[:, 1], velocity[:, 0]))
    turns = np.abs(np.gradient(heading, dt_s))[moves]
    return not len(turns) or float(np.quantile(turns, 0.9)) <= bounds.yaw_rate_radps


def size_of(track: Track) -> Float[np.ndarray, " 3"]:
    """Length, width and height: nearly the largest that was seen, as the far side often is not."""
    return np.quantile(track.box[track.seen, 3:6], SIZE_QUANTILE, axis=0)


def smoothed(
    values: Float[np.ndarray, "n d"], dt_s: float, derivative: int = 0
) -> Float[np.ndarray, "n d"]:
    """By a parabola fitted around each instant (Savitzky and Golay 1964), or a derivative of it."""
    from scipy.signal import savgol_filter

    window = min(_WINDOW, len(values) - 1 + len(values) % 2)
    return np.asarray(savgol_filter(values, window, 2, deriv=derivative, delta=dt_s, axis=0))
