"""Whom the ego hits in a drive: what report, film and viewer mark."""

import numpy as np
import torch
from jaxtyping import Bool, Float

from sim.geometry import box
from sim.scenario import EGO


def first_hits(
    pose: Float[np.ndarray, "t n 3"],
    valid: Bool[np.ndarray, "t n"],
    size_m: Float[np.ndarray, "n 3"],
) -> dict[int, int]:
    """By the number of each agent whose box the ego's overlaps: the first instant of it.

    Whosever fault it is; `pose` is (x, y, yaw) of the boxes' centres, world frame.
    """
    poses = torch.from_numpy(pose.astype(np.float64))
    sizes = torch.from_numpy(size_m[:, :2].astype(np.float64))
    touching = box.overlaps(poses[:, EGO, None], sizes[EGO], poses, sizes).numpy()
    touching &= valid & valid[:, EGO, None]
    touching[:, EGO] = False
    return {
        int(agent): int(touching[:, agent].argmax()) for agent in np.flatnonzero(touching.any(0))
    }
