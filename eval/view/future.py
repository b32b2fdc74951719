"""Where everyone will really be: the occupancy that a forecast is measured against."""

import numpy as np
import torch

from eval.view.episode import Episode
from sim.geometry import box, se2
from sim.geometry.grid import BevGrid
from sim.scenario import EGO

GRID = BevGrid(-30.0, -40.0, 0.5, 160, 160)
HORIZONS_S = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)


def true_future(episode: Episode, instant: int) -> tuple[np.ndarray, BevGrid, np.ndarray]:
    """Cells `[H, X, Y]` (1: taken by someone else), their grid, and the ego's pose, whose frame it is."""
    motion, size = episode.motion, torch.from_numpy(episode.scenario.tracks.size_m[1:, :2]).float()
    ego = torch.from_numpy(np.ascontiguousarray(motion.pose[instant, EGO])).float()
    steps = [instant + round(h / motion.dt_s) for h in HORIZONS_S]
    steps = [step for step in steps if step < episode.num_instants]
    cells = np.zeros((len(steps), *GRID.shape))
    points = GRID.cell_centers_m().reshape(-1, 2)
    for level, step in enumerate(steps):
        pose = torch.from_numpy(np.ascontiguousarray(motion.pose[step, 1:])).float()
        pose = se2.compose(se2.inverse(ego).unsqueeze(0), pose)
        near = torch.from_numpy(motion.valid[step, 1:]) & (pose[:, :2].abs() < 60.0).all(dim=1)
        flat = torch.cat((pose[near, :2], torch.zeros_like(pose[near, :1])), dim=1)
        high = torch.ones_like(pose[near, :1])
        boxes = torch.cat((flat, size[near], high, pose[near, 2:]), dim=1)
        if len(boxes):
            at = torch.cat((points, torch.zeros_like(points[:, :1])), dim=1)
            inside = box.holds_points(at, boxes).any(dim=0)
            cells[level] = inside.reshape(GRID.shape).numpy()
    return cells, GRID, motion.pose[instant, EGO]
