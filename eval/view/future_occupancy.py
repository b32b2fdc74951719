"""Layer `future`: the cells that other agents will really occupy, to hold a forecast against."""

import numpy as np
import torch

from eval.view.viewed_scene import ViewedScene
from sim.geometry import box, se2
from sim.geometry.grid import BevGrid
from sim.scenario import EGO

GRID = BevGrid(-30.0, -40.0, 0.5, 160, 160)  # ego frame: 50 m ahead, 30 m back, 40 m to each side
HORIZONS_S = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
_REACH_M = 60.0  # agents further away cannot touch the grid


def future_occupancy(scene: ViewedScene, instant: int) -> tuple[np.ndarray, BevGrid, np.ndarray]:
    """Cells `[H, X, Y]` at each of H horizons after `instant`, their grid, and `world_SE2_ego`.

    A cell is 1 where its centre lies in another agent's box, else 0. The grid is in the frame of the
    ego at `instant`, whose pose (x, y, yaw) `[3]` in the world frame is the third result. Horizons
    after the scene's end are left out.
    """
    motion, size = scene.motion, torch.from_numpy(scene.scenario.tracks.size_m[1:, :2]).float()
    ego = torch.from_numpy(np.ascontiguousarray(motion.pose[instant, EGO])).float()
    steps = [instant + round(horizon_s / motion.dt_s) for horizon_s in HORIZONS_S]
    steps = [step for step in steps if step < scene.num_instants]
    cells = np.zeros((len(steps), *GRID.shape))
    centers = GRID.cell_centers_m().reshape(-1, 2)
    for level, step in enumerate(steps):
        pose = torch.from_numpy(np.ascontiguousarray(motion.pose[step, 1:])).float()
        pose = se2.compose(se2.inverse(ego).unsqueeze(0), pose)
        near = torch.from_numpy(motion.valid[step, 1:]) & (pose[:, :2].abs() < _REACH_M).all(dim=1)
        flat = torch.cat((pose[near, :2], torch.zeros_like(pose[near, :1])), dim=1)
        height = torch.ones_like(pose[near, :1])
        boxes = torch.cat((flat, size[near], height, pose[near, 2:]), dim=1)
        if len(boxes):
            at = torch.cat((centers, torch.zeros_like(centers[:, :1])), dim=1)
            inside = box.holds_points(at, boxes).any(dim=0)
            cells[level] = inside.reshape(GRID.shape).numpy()
    return cells, GRID, motion.pose[instant, EGO]
