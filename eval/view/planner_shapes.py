"""What a planner showed in a drive as shapes: plan, candidates, forecast, occupancy."""

import numpy as np
import torch

from eval.runs.drive_record import DriveRecord
from eval.view import palette
from eval.view.ground_heights import GroundHeights
from eval.view.map_shapes import band
from eval.view.shapes import Lines, Mesh, Rgb, Shape, join_lines, join_meshes, polyline, quads
from sim.geometry import se2
from sim.geometry.grid import BevGrid

_PLAN_M, _CANDIDATES_M, _FORECAST_M, _OCCUPANCY_M = 0.16, 0.1, 0.12, 0.2
_LIKELY = 0.1  # cells and forecasts below this probability are not shown
_STOREY_M = 0.25  # cells of each later time lie that much higher


def plan_shapes(drive: DriveRecord, heights: GroundHeights, instant: int) -> list[Shape]:
    """Layer `plan`: a white band from the ego along its plan."""
    path = np.vstack((drive.pose[instant, 0, :2], drive.plan[instant, :, :2]))
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    path = path[np.concatenate(([True], steps > 1e-3))]
    return [band(path, 0.25, heights, _PLAN_M, palette.PLAN)] if len(path) > 1 else []


def candidate_shapes(drive: DriveRecord, heights: GroundHeights, instant: int) -> list[Shape]:
    """Layer `candidates`: all of them, the cheapest blue and on top, the dearest brown."""
    if drive.candidates is None:
        return []
    paths = _in_world(drive, instant, drive.candidates[instant])
    costs = np.zeros(len(paths)) if drive.costs is None else drive.costs[instant]
    colors, order = palette.by_cost(costs), np.argsort(-costs, kind="stable")
    lines = []
    for rank, k in enumerate(order):
        lifted = heights.lift(paths[k], _CANDIDATES_M + 0.002 * rank)
        lines.append(polyline(lifted, _rgb(colors[k]), 3.0))
    return list(join_lines(lines))


def forecast_shapes(drive: DriveRecord, heights: GroundHeights, instant: int) -> list[Shape]:
    """Layer `forecast`: the paths expected of other agents; the likelier, the brighter."""
    if drive.forecast is None or drive.forecast_probability is None:
        return []
    likely = drive.forecast_probability[instant].astype(np.float64)
    lines: list[Lines] = []
    for agent, future in np.argwhere(likely > _LIKELY):
        path = _in_world(drive, instant, drive.forecast[instant, agent, future])
        path = np.vstack((drive.pose[instant, agent + 1, :2], path))
        if not np.isfinite(path).all() or np.ptp(path, axis=0).max() < 0.3:
            continue
        rgb = palette.mix(palette.FORECAST, 0.25 + 0.75 * float(likely[agent, future]))
        lines.append(polyline(heights.lift(path, _FORECAST_M), rgb, 2.0))
    return list(join_lines(lines))


def occupancy_shapes(drive: DriveRecord, heights: GroundHeights, instant: int) -> list[Shape]:
    """Layer `occupancy`: cells expected to be taken, translucent; later ones higher and yellower."""
    if drive.occupancy is None:
        return []
    levels = drive.occupancy[instant].astype(np.float64) / 255.0
    return cell_shapes(levels, drive.grid, drive.pose[instant, 0], heights)


def cell_shapes(
    probability: np.ndarray, grid: BevGrid, world_SE2_ego: np.ndarray, heights: GroundHeights
) -> list[Shape]:
    """Cells `[H, X, Y]` of a grid in the ego frame, the H times one above another.

    `world_SE2_ego` is (x, y, yaw) `[3]`; cells below `_LIKELY` are left out.
    """
    colors = palette.by_value(np.linspace(0.0, 1.0, len(probability)), 0.0, 1.0)
    meshes = []
    for storey, cells in enumerate(probability):
        at = np.argwhere(cells > _LIKELY)
        if len(at) == 0:
            continue
        corner = at[:, None] + np.array(((0, 0), (1, 0), (1, 1), (0, 1)))
        local = np.stack(grid.point_m(corner[..., 0], corner[..., 1]), axis=-1)
        flat = _to_world(world_SE2_ego, local.reshape(-1, 2))
        vertices = heights.lift(flat, _OCCUPANCY_M + storey * _STOREY_M)
        strength = np.repeat(cells[tuple(at.T)], 4)[:, None]
        rgb = np.rint(colors[storey] * (0.4 + 0.6 * strength)).astype(np.uint8)
        meshes.append(Mesh(vertices, quads(len(at)), rgb, 0.4))
    return list(join_meshes(meshes))


def _in_world(drive: DriveRecord, instant: int, points_m: np.ndarray) -> np.ndarray:
    return _to_world(drive.pose[instant, 0], points_m.astype(np.float64))


def _to_world(world_SE2_ego: np.ndarray, points_m: np.ndarray) -> np.ndarray:
    pose = torch.from_numpy(world_SE2_ego.astype(np.float64))
    return se2.transform_points(pose, torch.from_numpy(points_m)).numpy()


def _rgb(color: np.ndarray) -> Rgb:
    red, green, blue = (int(c) for c in color)
    return red, green, blue
