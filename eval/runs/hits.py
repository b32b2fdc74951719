"""Whom the ego hits in a drive: what report, film and viewer mark."""

import numpy as np
import torch
from jaxtyping import Bool, Float

from sim.geometry import box
from sim.scenario import EGO


def touching(
    pose: Float[np.ndarray, "t n 3"],
    valid: Bool[np.ndarray, "t n"],
    size_m: Float[np.ndarray, "n 3"],
) -> Bool[np.ndarray, "t n"]:
    """Whose box overlaps the ego's, seen from above, whosever fault it is; not the ego itself.

    `pose` is (x, y, yaw) of the boxes' centres, world frame.
    """
    poses = torch.from_numpy(pose.astype(np.float64))
    sizes = torch.from_numpy(size_m[:, :2].astype(np.float64))
    found = box.overlaps(poses[:, EGO, None], sizes[EGO], poses, sizes).numpy()
    found &= valid & valid[:, EGO, None]
    found[:, EGO] = False
    return found


def first_hits(
    pose: Float[np.ndarray, "t n 3"],
    valid: Bool[np.ndarray, "t n"],
    size_m: Float[np.ndarray, "n 3"],
) -> dict[int, int]:
    """By the number of each agent that the ego touches: the first instant of it; as `touching`."""
    found = touching(pose, valid, size_m)
    return {int(agent): int(found[:, agent].argmax()) for agent in np.flatnonzero(found.any(0))}
