"""What sticks up from the road and is nobody that was found: cones, barriers, a car without a box."""

from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import max_pool2d

from drive.perception.detector.network import in_grid
from sim import trees
from sim.geometry import box
from sim.geometry.grid import BevGrid
from sim.interface import Agents, EgoMap, History, Observation
from sim.scenario import AgentKind

GRID = BevGrid(-8.0, -16.0, 0.5, 96, 64)
"""ego frame: 40 m ahead"""
MOST = 32  # of a world, the nearest ones
_LOOKED_AT = 512  # cells with something tall in them, the nearest
_FIRST_ID = 20_000  # tracks have lower ones; records of drives hold 15 bits
_AROUND = 5  # cells: the lowest return so near is the ground
_HEIGHT_M = (0.3, 2.5)  # over that: what is lower is driven over, what is higher under
_INSIDE_M = 0.5  # from the edge of the road, beyond which hedges and walls begin
_BESIDE_M = 0.7  # who was found may reach so far beyond his box


def obstacles(
    point_m: Float[Tensor, "b p 3"],
    hit: Bool[Tensor, "b p"],
    hd_map: EgoMap,
    known: Agents,
) -> Agents:
    """Cells of `GRID` on the road with something tall in them and no box of `known` near: each one stands."""
    center_m = GRID.cell_centers_m(point_m.device).flatten(0, 1)
    tall = _tall(point_m, hit).flatten(1)
    near, cell = torch.where(tall, -center_m.norm(dim=-1), -torch.inf).topk(_LOOKED_AT, dim=1)
    place_m = center_m[cell]
    stands = (near > -torch.inf) & ~_is_known(place_m, known)
    stands &= hd_map.offroad_distance_m(place_m) < -_INSIDE_M
    near, which = torch.where(stands, near, -torch.inf).topk(MOST, dim=1)
    cell = torch.gather(cell, 1, which)
    pose = torch.nn.functional.pad(center_m[cell], (0, 1))
    return Agents(
        id=_FIRST_ID + cell,
        pose=pose,
        velocity_mps=torch.zeros_like(pose[..., :2]),
        size_m=torch.full_like(pose[..., :2], GRID.resolution_m),
        kind=torch.zeros_like(cell) + int(AgentKind.OBJECT),
        valid=near > -torch.inf,
    )


def with_obstacles(observation: Observation, standing: Agents) -> Observation:
    """An observation in which there are these as well, and have always been."""
    beside, past = partial(torch.cat, dim=1), observation.history
    agents = trees.merged(beside, (observation.agents, standing))
    if past is not None:
        instants = past.valid.shape[2]
        always = History(
            *(
                of_each.unsqueeze(2).expand(-1, -1, instants, *of_each.shape[2:])
                for of_each in (standing.pose, standing.velocity_mps, standing.valid)
            )
        )
        past = trees.merged(beside, (past, always))
    return replace(observation, agents=agents, history=past)


def _tall(point_m: Float[Tensor, "b p 3"], hit: Bool[Tensor, "b p"]) -> Bool[Tensor, "b x y"]:
    """Cells with returns above the ground, as far as a car is high."""
    held = in_grid(point_m, hit, GRID)
    x, y, z = torch.where(held.unsqueeze(-1), point_m, 0.0).unbind(-1)
    i, j = GRID.cells(x, y)
    cell = torch.where(held, GRID.flat(i.floor(), j.floor()), 0.0).long()
    none = z.new_full((len(z), GRID.num_cells), torch.inf)
    lowest = none.scatter_reduce(1, cell, torch.where(held, z, torch.inf), "amin")
    lowest = lowest.unflatten(1, GRID.shape)
    ground = -max_pool2d(-lowest.unsqueeze(1), _AROUND, 1, _AROUND // 2).squeeze(1)
    above = z - torch.gather(ground.flatten(1), 1, cell)
    counts = held & (above > _HEIGHT_M[0]) & (above < _HEIGHT_M[1])
    return (torch.zeros_like(none).scatter_add(1, cell, counts.float()) > 0).unflatten(
        1, GRID.shape
    )


def _is_known(place_m: Float[Tensor, "b c 2"], known: Agents) -> Bool[Tensor, "b c"]:
    """Whether a place is in a box of somebody known, or a little beside it."""
    flat = known.pose.new_zeros(*known.valid.shape, 1)
    size_m = known.size_m + 2.0 * _BESIDE_M
    boxes = torch.cat((known.pose[..., :2], flat, size_m, flat, known.pose[..., 2:]), dim=-1)
    inside = box.holds_points(torch.nn.functional.pad(place_m, (0, 1)), boxes)
    return (inside & known.valid.unsqueeze(2)).any(dim=1)
