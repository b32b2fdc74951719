"""What a planner thinks as shapes: plan, candidates, forecast, occupancy, costs of cells, who is there."""

import numpy as np
import torch
from jaxtyping import Float

from eval.view import palette
from eval.view.ground_heights import GroundHeights
from eval.view.map_shapes import band
from eval.view.palette import Colors
from eval.view.shapes import (
    Lines,
    Mesh,
    Rgb,
    Shape,
    box_corners,
    box_edges,
    join_lines,
    join_meshes,
    polyline,
    quads,
)
from eval.view.thought import Thought
from sim.geometry import se2
from sim.geometry.grid import BevGrid

_COSTS_M, _PLAN_M, _CANDIDATES_M, _FORECAST_M, _OCCUPANCY_M = 0.05, 0.16, 0.1, 0.12, 0.2
_LIKELY = 0.1  # cells and forecasts below this probability are not shown
_STOREY_M = 0.25  # cells of each later time lie that much higher
_THIN_PX, _THICK_PX = 3.0, 7.0
_PERCEIVED_HIGH_M = 1.5  # nobody says how high they are


def plan_shapes(thought: Thought, heights: GroundHeights, colors: Colors) -> list[Shape]:
    """Layer `plan`: a band from the ego along its plan."""
    path = np.vstack((thought.pose[0, :2], thought.plan[:, :2]))
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    path = path[np.concatenate(([True], steps > 1e-3))]
    return [band(path, 0.25, heights, _PLAN_M, colors.plan)] if len(path) > 1 else []


def candidate_shapes(thought: Thought, heights: GroundHeights, colors: Colors) -> list[Shape]:
    """Layer `candidates`: all of them, from the ego on: the cheapest blue and on top, the dearest brown.

    The cheapest is thick, and the one that it is held against.
    """
    if thought.candidates is None or len(thought.candidates) == 0:
        return []
    ego = np.zeros_like(thought.candidates[:, :1])
    paths = _to_world(thought.pose[0], np.concatenate((ego, thought.candidates), axis=1))
    costs = np.zeros(len(paths)) if thought.costs is None else thought.costs
    rgb, order = colors.by_cost(costs), np.argsort(-costs, kind="stable")
    thick = {thought.chosen, thought.other}
    lines = []
    for rank, k in enumerate(order.tolist()):
        lifted = heights.lift(paths[k], _CANDIDATES_M + 0.002 * rank)
        lines.append(polyline(lifted, _rgb(rgb[k]), _THICK_PX if k in thick else _THIN_PX))
    return list(join_lines(lines))


def forecast_shapes(thought: Thought, heights: GroundHeights, colors: Colors) -> list[Shape]:
    """Layer `forecast`: the paths expected of other agents; the likelier, the brighter."""
    if thought.forecast is None or thought.forecast_probability is None:
        return []
    likely = thought.forecast_probability
    lines: list[Lines] = []
    for agent, future in np.argwhere(likely > _LIKELY):
        path = _to_world(thought.pose[0], thought.forecast[agent, future])
        path = np.vstack((thought.pose[agent + 1, :2], path))
        if not np.isfinite(path).all() or np.ptp(path, axis=0).max() < 0.3:
            continue
        rgb = colors.faint(colors.forecast, 0.25 + 0.75 * float(likely[agent, future]))
        lines.append(polyline(heights.lift(path, _FORECAST_M), rgb, 2.0))
    return list(join_lines(lines))


def perceived_shapes(thought: Thought, heights: GroundHeights, colors: Colors) -> list[Shape]:
    """Layer `perceived`: an outline around each whom the planner took to be there, as high as a car."""
    if thought.perceived is None:
        return []
    place = heights.lift(
        _to_world(thought.pose[0], thought.perceived[:, :2]), _PERCEIVED_HIGH_M / 2
    )
    lines = [
        box_edges(
            box_corners(
                center, np.array((*box[3:], _PERCEIVED_HIGH_M)), box[2] + thought.pose[0, 2]
            ),
            colors.perceived,
            3.0,
        )
        for center, box in zip(place, thought.perceived, strict=True)
    ]
    return list(join_lines(lines))


def occupancy_shapes(thought: Thought, heights: GroundHeights) -> list[Shape]:
    """Layer `occupancy`: cells expected to be taken, translucent; later ones higher and yellower."""
    if thought.occupancy is None or thought.occupancy_grid is None:
        return []
    return cell_shapes(thought.occupancy, thought.occupancy_grid, thought.pose[0], heights)


def cost_shapes(
    thought: Thought,
    heights: GroundHeights,
    ahead_s: float,
    ego_size_m: Float[np.ndarray, "3"],
    colors: Colors,
) -> list[Shape]:
    """Layer `costs`: what it costs to be in each cell `ahead_s` from now, on the ground and translucent.

    Dark blue is the cheapest cell of that instant, yellow the dearest; in between in proportion. An
    outline shows where the plan has the ego by then.
    """
    cells = thought.cell_costs
    if cells is None:
        return []
    level = cells.level(ahead_s)
    cost = cells.cost[level].reshape(-1)
    at = np.stack(cells.grid.cell(np.arange(cells.grid.num_cells)), axis=-1)
    vertices = _corners(at, cells.grid, thought.pose[0], heights, _COSTS_M)
    rgb = palette.by_value(cost, float(cost.min()), float(cost.max()))
    x, y, yaw = thought.plan[min(level, len(thought.plan) - 1)].astype(np.float64)
    place = heights.lift(np.array((x, y)), _PLAN_M)
    outline = box_corners(place, ego_size_m * np.array((1.0, 1.0, 0.0)), float(yaw))
    return [
        Mesh(vertices, quads(len(at)), np.repeat(rgb, 4, axis=0), 0.6),
        box_edges(outline, colors.plan, 3.0),
    ]


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
        vertices = _corners(at, grid, world_SE2_ego, heights, _OCCUPANCY_M + storey * _STOREY_M)
        strength = np.repeat(cells[tuple(at.T)], 4)[:, None]
        rgb = np.rint(colors[storey] * (0.4 + 0.6 * strength)).astype(np.uint8)
        meshes.append(Mesh(vertices, quads(len(at)), rgb, 0.4))
    return list(join_meshes(meshes))


def _corners(
    cells: np.ndarray,
    grid: BevGrid,
    world_SE2_ego: np.ndarray,
    heights: GroundHeights,
    above_m: float,
) -> np.ndarray:
    """The four corners of each cell `[K, 2]` of a grid in the ego frame, cell by cell: `[4K, 3]`."""
    corner = cells[:, None] + np.array(((0, 0), (1, 0), (1, 1), (0, 1)))
    local = np.stack(grid.point_m(corner[..., 0], corner[..., 1]), axis=-1)
    return heights.lift(_to_world(world_SE2_ego, local.reshape(-1, 2)), above_m)


def _to_world(world_SE2_ego: np.ndarray, points_m: np.ndarray) -> np.ndarray:
    pose = torch.from_numpy(world_SE2_ego.astype(np.float64))
    return se2.transform_points(pose, torch.from_numpy(points_m.astype(np.float64))).numpy()


def _rgb(color: np.ndarray) -> Rgb:
    red, green, blue = (int(c) for c in color)
    return red, green, blue
