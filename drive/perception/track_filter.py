"""Tracks that can be road users: long enough, of a steady size, moving as one can (OYSTER, section 3.2)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from drive.perception.tracks import Track, smoothed

_MOVES_MPS = 1.0
_LEAST_M = 0.3  # sizes below this are alike


@dataclass(frozen=True)
class TrackBounds:
    """What a track has to fulfil. Those that stand stay: this finds road users, not motion."""

    span: int = 10  # frames from its first to its last box
    seen: int = 6  # of these with a box
    size_spread: float = (
        0.25  # standard deviation of the logarithm of length and of width, at its largest
    )
    acceleration_mps2: float = 8.0
    yaw_rate_radps: float = 1.0


def plausible(seen: Track, body: Track, dt_s: float, bounds: TrackBounds) -> bool:
    """Whether it fulfils the bounds: what was seen of it, and the body that was made of that (`amodal`)."""
    if seen.span < bounds.span or seen.seen.sum() < bounds.seen:
        return False
    if _size_spread(seen.box[seen.seen, 3:5]) > bounds.size_spread:
        return False
    velocity = smoothed(body.box[:, :2], dt_s, derivative=1)
    push = np.linalg.norm(smoothed(body.box[:, :2], dt_s, derivative=2), axis=1)
    if push.max() > bounds.acceleration_mps2:
        return False
    moves = np.linalg.norm(velocity, axis=1) > _MOVES_MPS
    heading = np.unwrap(np.arctan2(velocity[:, 1], velocity[:, 0]))
    turns = np.abs(np.gradient(heading, dt_s))[moves]
    return not len(turns) or float(np.quantile(turns, 0.9)) <= bounds.yaw_rate_radps


def _size_spread(size_m: Float[np.ndarray, "n 2"]) -> float:
    """How much length and width vary in the half of the boxes that is largest.

    The others show a part of it: of a car from behind there is no length.
    """
    size = np.log(size_m.clip(min=_LEAST_M))
    area = size.sum(axis=1)
    return float(size[area >= np.median(area)].std(axis=0).max())
