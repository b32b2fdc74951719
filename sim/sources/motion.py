"""What recorded positions say about motion."""

import numpy as np
from jaxtyping import Bool, Float


def velocities_mps(
    valid: Bool[np.ndarray, " t"],
    position_m: Float[np.ndarray, "t k"],
    time_s: Float[np.ndarray, " t"],
) -> Float[np.ndarray, "t k"]:
    """Central differences of one track, one-sided at the ends of each stretch; never across a gap."""
    velocity = np.zeros_like(position_m)
    edges = np.diff(valid.astype(int), prepend=0, append=0)
    for first, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        if end - first > 1:
            velocity[first:end] = np.gradient(position_m[first:end], time_s[first:end], axis=0)
    return velocity
