"""How far the nearest lane is from each cell around the ego: distance transforms of the lanes in view."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.features.raster import splat
from sim.geometry.grid import BevGrid
from sim.interface import Observation

FURTHEST_M = 5.0  # nothing is said of what is farther
_BETWEEN = 4  # points between two of a lane


def lane_distances_m(observation: Observation, grid: BevGrid) -> Float[Tensor, "b 3 x y"]:
    """To the middle of the nearest lane of all, of those that the ego may be in, and of its route."""
    lanes, route = observation.lanes, observation.route
    assert lanes is not None
    line_m, there = _denser(lanes.point_m, lanes.point_valid & lanes.valid.unsqueeze(2))
    allowed = there & (lanes.reachable | lanes.on_route)[:, :, None, None]
    s_m = torch.arange(route.pose.shape[1], device=line_m.device)
    on_way = route.pose[..., :2].unsqueeze(1)
    ahead = (s_m <= route.length_m.unsqueeze(1)).unsqueeze(1)
    way_m, way_there = _denser(on_way, ahead)
    on_route = _seeds(way_m, way_there, grid)
    may_be_in = _seeds(line_m, allowed, grid) | on_route
    of_all = _seeds(line_m, there, grid) | may_be_in
    return distance_m(torch.stack((of_all, may_be_in, on_route), dim=1), grid.resolution_m)


def _denser(
    line_m: Float[Tensor, "b e p 2"], there: Bool[Tensor, "b e p"]
) -> tuple[Tensor, Tensor]:
    """Points between those of the lines, in proportion."""
    share = torch.arange(_BETWEEN, device=line_m.device) / _BETWEEN
    dense = torch.lerp(line_m[:, :, :-1, None], line_m[:, :, 1:, None], share[:, None])
    both = (there[:, :, :-1] & there[:, :, 1:]).unsqueeze(3).expand(dense.shape[:4])
    return dense, both


def _seeds(point_m: Tensor, there: Tensor, grid: BevGrid) -> Bool[Tensor, "b x y"]:
    one = torch.ones_like(point_m[..., :1])
    return splat(point_m.flatten(1, -2), one.flatten(1, -2), there.flatten(1), grid)[..., 0] > 0.0


def distance_m(seeds: Bool[Tensor, "b c x y"], resolution_m: float) -> Float[Tensor, "b c x y"]:
    """From each cell to the nearest seed, at most `FURTHEST_M`; 8 % too far at worst.

    Chamfer distance: from cell to cell over sides and corners (Borgefors 1986), both ways at once.
    """
    distance = torch.where(seeds, 0.0, FURTHEST_M)
    straight, across = resolution_m, math.sqrt(2.0) * resolution_m
    for _ in range(math.ceil(FURTHEST_M / resolution_m)):
        near = torch.nn.functional.pad(distance, (1, 1, 1, 1), value=FURTHEST_M)
        up, down = near[..., :-2, 1:-1], near[..., 2:, 1:-1]
        left, right = near[..., 1:-1, :-2], near[..., 1:-1, 2:]
        sides = torch.minimum(torch.minimum(up, down), torch.minimum(left, right))
        corners = torch.minimum(
            torch.minimum(near[..., :-2, :-2], near[..., 2:, 2:]),
            torch.minimum(near[..., :-2, 2:], near[..., 2:, :-2]),
        )
        distance = torch.minimum(distance, torch.minimum(sides + straight, corners + across))
    return distance
