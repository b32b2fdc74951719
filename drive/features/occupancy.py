"""Boxes as cells of a grid: which of them road users take, by class, and how what is in a cell moves on."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from drive.features.example import Future
from drive.features.vectors import VectorScene
from sim.geometry import se2
from sim.geometry.grid import BevGrid
from sim.scenario import AgentKind

CLASSES = (
    AgentKind.VEHICLE,
    AgentKind.PEDESTRIAN,
    AgentKind.CYCLIST,
)  # of occupied cells, in order
NO_CLASS = -1
_CLASS_OF_KIND = [CLASSES.index(kind) if kind in CLASSES else NO_CLASS for kind in AgentKind]


def class_of(kind: Int[Tensor, "*k"]) -> Int[Tensor, "*k"]:
    """The place in `CLASSES` of each AgentKind; `NO_CLASS`: a thing."""
    return torch.tensor(_CLASS_OF_KIND, device=kind.device)[kind]


@dataclass(frozen=True)
class BoxCells:
    """The W cells around each box's centre: which of them it takes, and where their centres are in it."""

    number: Int[Tensor, "b n s w"]  # of the cell in the flat grid; 0 where it is not taken
    taken: Bool[Tensor, "b n s w"]
    center_m: Float[Tensor, "b n s w 2"]  # in the box's frame


@dataclass(frozen=True)
class OccupancyTruth:
    """What the others known now take of a grid at S instants, the first one now; and how it moves on.

    `moved_m`: how far what is in a cell goes from each instant but the last to the next, as a rigid
    body, in the scene's frame; known where `moves`. Instants that are not `recorded` say nothing.
    """

    occupied: Bool[Tensor, "b c s x y"]
    moved_m: Float[Tensor, "b t x y 2"]
    moves: Bool[Tensor, "b t x y"]
    recorded: Bool[Tensor, "b s"]


def occupancy_truth(
    scene: VectorScene, future: Future, points: int, grid: BevGrid
) -> OccupancyTruth:
    """Of now and the first `points` entries of the future; `grid` lies in the scene's frame, the ego's."""
    now = torch.ones_like(scene.agent_valid[:, :1])
    recorded = torch.cat((now, future.valid[:, 0, :points]), dim=1)
    valid = torch.cat((scene.agent_valid.unsqueeze(2), future.valid[:, :, :points]), dim=2)
    valid = valid & scene.agent_valid.unsqueeze(2)
    pose = torch.cat((scene.agent_pose.unsqueeze(2), future.pose[:, :, :points]), dim=2)
    pose = torch.where(valid.unsqueeze(3), pose, 0.0)
    cells = box_cells(pose, scene.agent_size_m, valid & ~_is_ego(valid), grid)
    goes_on = cells.taken[:, :, :-1] & valid[:, :, 1:, None]
    moved_m, moves = _motion(cells, pose, goes_on, grid)
    return OccupancyTruth(occupied(cells, scene, grid), moved_m, moves, recorded)


def boxes_occupy(
    scene: VectorScene, pose: Float[Tensor, "b n s 3"], grid: BevGrid
) -> Bool[Tensor, "b c s x y"]:
    """The cells that the others take if they are at these poses, ego apart."""
    valid = scene.agent_valid.unsqueeze(2).expand(pose.shape[:3])
    return occupied(box_cells(pose, scene.agent_size_m, valid & ~_is_ego(valid), grid), scene, grid)


def box_cells(
    pose: Float[Tensor, "b n s 3"],
    size_m: Float[Tensor, "b n 2"],
    valid: Bool[Tensor, "b n s"],
    grid: BevGrid,
) -> BoxCells:
    """A box takes the cells whose centres lie in it, and the one that holds its own centre.

    So nobody falls between the cells who is smaller than one.
    """
    reach_m = 0.5 * float(size_m.norm(dim=-1).amax())
    reach = int(-(-reach_m // grid.resolution_m))
    step = torch.arange(-reach, reach + 1, device=pose.device)
    around = torch.cartesian_prod(step, step)
    i, j = (torch.floor(c).unsqueeze(3) for c in grid.cells(pose[..., 0], pose[..., 1]))
    i, j = i + around[:, 0], j + around[:, 1]
    center_m = torch.stack(grid.center_m(i, j), dim=-1)
    center_m = se2.transform_points(se2.inverse(pose).unsqueeze(3), center_m)
    inside = (center_m.abs() <= 0.5 * size_m[:, :, None, None]).all(dim=-1)
    taken = (inside | (around == 0).all(dim=-1)) & valid.unsqueeze(3) & grid.holds(i, j)
    number = torch.where(taken, grid.flat(i, j), 0.0).long()
    return BoxCells(number, taken, center_m)


def occupied(cells: BoxCells, scene: VectorScene, grid: BevGrid) -> Bool[Tensor, "b c s x y"]:
    """The cells that boxes of each class take; things are of none."""
    device = cells.number.device
    label = class_of(scene.agent_kind)[:, :, None, None]
    taken = cells.taken & (label != NO_CLASS)
    batch, _, instants, _ = cells.number.shape
    world, instant = _world_and_instant(cells)
    raster = (world * len(CLASSES) + label) * instants + instant
    total = batch * len(CLASSES) * instants * grid.num_cells
    index = torch.where(taken, raster * grid.num_cells + cells.number, total)  # the last: nowhere
    out = torch.zeros(total + 1, dtype=torch.bool, device=device)
    out = out.scatter(0, index.flatten(), True)[:-1]
    return out.reshape(batch, len(CLASSES), instants, *grid.shape)


def _motion(
    cells: BoxCells, pose: Float[Tensor, "b n s 3"], goes_on: Bool[Tensor, "b n t w"], grid: BevGrid
) -> tuple[Float[Tensor, "b t x y 2"], Bool[Tensor, "b t x y"]]:
    """How far what is in each cell goes until the next instant: the mean, where boxes overlap."""
    batch, _, steps, _ = goes_on.shape
    world, instant = _world_and_instant(cells)
    raster = (world * steps + instant[:, :, :-1]) * grid.num_cells
    center_m = cells.center_m[:, :, :-1]
    here, there = (
        se2.transform_points(p.unsqueeze(3), center_m) for p in (pose[:, :, :-1], pose[:, :, 1:])
    )
    told = torch.cat((there - here, torch.ones_like(here[..., :1])), dim=-1)
    told = torch.where(goes_on.unsqueeze(4), told, 0.0)
    index = torch.where(goes_on, raster + cells.number[:, :, :-1], 0)
    total = told.new_zeros(batch * steps * grid.num_cells, 3)
    total = total.index_add(0, index.flatten(), told.flatten(0, 3))
    total = total.reshape(batch, steps, *grid.shape, 3)
    return total[..., :2] / total[..., 2:].clamp(min=1.0), total[..., 2] > 0


def _world_and_instant(cells: BoxCells) -> tuple[Int[Tensor, "b 1 1 1"], Int[Tensor, "1 1 s 1"]]:
    """The numbers of each row of the table."""
    batch, _, instants, _ = cells.number.shape
    device = cells.number.device
    world = torch.arange(batch, device=device)[:, None, None, None]
    return world, torch.arange(instants, device=device)[None, None, :, None]


def _is_ego(valid: Bool[Tensor, "b n s"]) -> Bool[Tensor, "n 1"]:
    return (torch.arange(valid.shape[1], device=valid.device) == 0).unsqueeze(1)
