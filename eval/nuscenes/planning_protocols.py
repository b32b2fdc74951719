"""Open-loop planning: the published protocols, each under its own name, as pure functions.

A plan is `[6, 2]`: where the origin of the ego frame (middle of the rear axle) will be at 0.5, 1 ...
3 s, in the present ego frame. Obstacles at one instant are boxes `[n, 5]`: x, y, yaw, length, width
in the same frame.

- ST-P3 (Hu et al. 2022): errors and collisions are means over 0.5 s ... t; full windows only.
- UniAD (Hu et al. 2023): values at t; a step without recording adds 0 and still counts.
- Oriented boxes (ours): error at t; collision anywhere up to t, with true outlines and headings;
  nothing is excused, so that the ground truth's row shows what the annotations themselves cost.

The first two share a raster of 0.5 m cells in which the ego never turns, and forgive a step at
which the recorded ego itself collides.
"""

from dataclasses import dataclass, field

import numpy as np

from sim.sources.nuscenes.ego import EGO_SIZE_M, REAR_AXLE_TO_CENTER_M

STEPS = 6
STEP_S = 0.5
HORIZONS_S = (1, 2, 3)
CELLS = 200
CELL_M = 0.5
RASTER_EGO_SIZE_M = (4.084, 1.85)
RASTER_EGO_AHEAD_M = 0.5
_SLOW_MPS = 0.2  # below it the ego keeps its heading


def occupied(boxes: np.ndarray) -> np.ndarray:
    """Raster `[200, 200]` (x, y) of boxes, as the published labels are drawn.

    Corners are rounded to the lower edges of cells, and the outline belongs to the polygon: a box
    grows by up to a cell forward and to the left.
    """
    import cv2

    raster = np.zeros((CELLS, CELLS), dtype=np.uint8)
    for corners in _corners(boxes):
        cells = np.round(corners / CELL_M + CELLS / 2).astype(np.int32)
        cv2.fillPoly(raster, [cells[:, ::-1].copy()], (1,))  # OpenCV: column first
    return raster.astype(bool)


def raster_hits(plan: np.ndarray, rasters: np.ndarray) -> np.ndarray:
    """Whether the unturned ego meets an occupied cell: `[6]`, from rasters `[6, 200, 200]`."""
    center = (np.arange(CELLS) + 0.5 - CELLS / 2) * CELL_M
    along = np.flatnonzero(np.abs(center - RASTER_EGO_AHEAD_M) <= RASTER_EGO_SIZE_M[0] / 2)
    across = np.flatnonzero(np.abs(center) <= RASTER_EGO_SIZE_M[1] / 2)
    shift = plan / CELL_M
    rows = np.clip((shift[:, :1] + along).astype(int), 0, CELLS - 1)
    columns = np.clip((shift[:, 1:] + across).astype(int), 0, CELLS - 1)
    step = np.arange(len(plan))[:, None, None]
    return rasters[step, rows[:, :, None], columns[:, None, :]].any(axis=(1, 2))


def oriented_hits(plan: np.ndarray, boxes: list[np.ndarray]) -> np.ndarray:
    """Whether the ego's true outline overlaps a box: `[6]`, from 6 arrays `[n, 5]`."""
    import torch

    from sim.geometry.box import overlaps

    yaw = headings_rad(plan)
    ahead = REAR_AXLE_TO_CENTER_M * np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
    pose = torch.from_numpy(np.concatenate([plan + ahead, yaw[:, None]], axis=-1))
    size = torch.tensor(EGO_SIZE_M[:2], dtype=pose.dtype)
    hits = [
        overlaps(pose[t], size, others[:, :3], others[:, 3:]).any().item()
        for t, others in enumerate(torch.from_numpy(b) for b in boxes)
    ]
    return np.array(hits, dtype=bool)


def headings_rad(plan: np.ndarray) -> np.ndarray:
    """Headings `[6]` along a plan: central differences, one-sided at the end, 0 at the start."""
    motion = np.gradient(np.concatenate([np.zeros((1, 2)), plan]), axis=0)[1:]
    yaw, last = np.zeros(len(plan)), 0.0
    for k, (dx, dy) in enumerate(motion):
        if np.hypot(dx, dy) > _SLOW_MPS * STEP_S:
            last = float(np.arctan2(dy, dx))
        yaw[k] = last
    return yaw


@dataclass
class Tally:
    """Sums over samples of one protocol: error and collisions per step."""

    error_m: np.ndarray = field(default_factory=lambda: np.zeros(STEPS))
    hits: np.ndarray = field(default_factory=lambda: np.zeros(STEPS))
    samples: int = 0

    def add(self, error_m: np.ndarray, hits: np.ndarray) -> None:
        """Add one sample: `[6]` each."""
        self.error_m = self.error_m + error_m
        self.hits = self.hits + hits
        self.samples += 1

    def at(self) -> dict[str, float]:
        """L2 in metres and collisions in per cent, at 1, 2 and 3 s."""
        return self._table(self.error_m, self.hits)

    def mean_to(self) -> dict[str, float]:
        """The same, as means from 0.5 s to 1, 2 and 3 s."""
        steps = np.arange(1, STEPS + 1)
        return self._table(np.cumsum(self.error_m) / steps, np.cumsum(self.hits) / steps)

    def _table(self, error_m: np.ndarray, hits: np.ndarray) -> dict[str, float]:
        count = self.samples or np.nan
        step = {t: round(t / STEP_S) - 1 for t in HORIZONS_S}
        table = {f"L2_{t}s": float(error_m[k] / count) for t, k in step.items()}
        table |= {f"collision_{t}s": float(100.0 * hits[k] / count) for t, k in step.items()}
        return table | {"samples": float(self.samples)}


def _corners(boxes: np.ndarray) -> np.ndarray:
    """Corners `[n, 4, 2]` of boxes `[n, 5]`."""
    signs = 0.5 * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    local = signs * boxes[:, None, 3:]
    cos, sin = np.cos(boxes[:, 2, None]), np.sin(boxes[:, 2, None])
    x = local[..., 0] * cos - local[..., 1] * sin
    y = local[..., 0] * sin + local[..., 1] * cos
    return boxes[:, None, :2] + np.stack([x, y], axis=-1)
