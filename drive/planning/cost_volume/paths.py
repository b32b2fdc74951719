"""Paths of the ego through a cost volume, on a lattice of places that begins where it is.

A step of the lattice is `RESOLUTION_M` in `DT_S`, which makes speeds that coarse; what a move costs beyond
its cell knows the ego's present velocity.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from drive.planning.candidates import DT_S, POINTS, instants_s
from drive.planning.cost_volume.lattice import cheapest_path
from drive.planning.costs.volume import CostVolume
from drive.planning.route_frame import project
from sim.interface import EgoState, Observation

RESOLUTION_M = 1.6
_AHEAD, _ASIDE = 8, 3  # cells of the longest move: 25.6 m/s ahead
_NUM_X, _HALF_Y = _AHEAD * POINTS + 1, 14  # its end is not reached, its sides may be
_HARDEST_MPS2 = 6.0
_FASTEST_TURN_RADPS = 0.5
_ACCELERATION_COST = 0.05  # of 1 m2/s4, an instant
_SMOOTHING = 1.0


def cheapest_positions(
    volume: CostVolume, observation: Observation
) -> tuple[Float[Tensor, "b t 2"], Float[Tensor, " b"]]:
    """Where the ego is on the cheapest path of all, smoothed; and what that path costs on the lattice."""
    ego = observation.ego
    cost = place_costs(volume, observation)
    start = torch.tensor((0, _HALF_Y), device=cost.device).expand(len(cost), -1)
    path, total = cheapest_path(cost, move_costs(ego.speed_mps), start)
    return smoothed(RESOLUTION_M * (path - start.unsqueeze(1)), ego.speed_mps), total


def place_costs(volume: CostVolume, observation: Observation) -> Float[Tensor, "b t x y"]:
    """Of the ego's box at each place of the lattice, in the route's direction there."""
    ego, grid = observation.ego, _places(observation.ego)
    _, _, yaw = project(observation.route, grid)
    still = torch.zeros_like(yaw)
    pose = torch.stack((grid[..., 0], grid[..., 1], yaw, still, still), dim=-1)
    everywhere = pose.unsqueeze(2).expand(-1, -1, volume.cost.shape[1], -1)
    cost = volume.along(everywhere, ego.size_m).transpose(1, 2)
    return cost.unflatten(2, (_NUM_X, 2 * _HALF_Y + 1))


def move_costs(speed_mps: Float[Tensor, " b"]) -> Float[Tensor, "b t dx dy"]:
    """In proportion to the square of |v' - v| / t, the mean acceleration from the present velocity v to
    that of the move; inf where that is above `_HARDEST_MPS2`, or where nobody turns so fast.

    Half a cell is allowed for, or else nobody whose speed lies between two moves could keep it.
    """
    step_mps = RESOLUTION_M / DT_S
    ahead = torch.arange(_AHEAD + 1, device=speed_mps.device).unsqueeze(1)
    aside = torch.arange(-_ASIDE, _ASIDE + 1, device=speed_mps.device)
    time = instants_s(speed_mps.device)[:, None, None]
    now = speed_mps.clamp(0.0, _AHEAD * step_mps)[:, None, None, None]
    change = torch.hypot(step_mps * ahead - now, step_mps * aside)
    possible = change <= _HARDEST_MPS2 * time + 0.5 * step_mps
    possible = possible & (torch.atan2(aside.abs(), ahead) <= _FASTEST_TURN_RADPS * time)
    return torch.where(possible, _ACCELERATION_COST * (change / time).square(), torch.inf)


def smoothed(
    position_m: Float[Tensor, "b t 2"] | Int[Tensor, "b t 2"], speed_mps: Float[Tensor, " b"]
) -> Float[Tensor, "b t 2"]:
    """The p that minimise sum |p_t - position_t|^2 + `_SMOOTHING` sum |p_t+1 - 2 p_t + p_t-1|^2.

    From the origin, where the ego came with its speed along x. Places of a lattice jump to and fro
    around any way between them.
    """
    points = position_m.shape[1]
    one = torch.eye(points + 2, dtype=position_m.dtype, device=position_m.device)
    bends = one[2:] - 2.0 * one[1:-1] + one[:-2]  # of p_-1, p_0, ..., p_T
    before = torch.zeros_like(position_m[:, :2])
    before[:, 0, 0] = -DT_S * speed_mps
    free = bends[:, 2:]
    matrix = one[2:, 2:] + _SMOOTHING * free.mT @ free
    wanted = position_m - _SMOOTHING * free.mT @ (bends[:, :2] @ before)
    return torch.linalg.solve(matrix, wanted)


def _places(ego: EgoState) -> Float[Tensor, "b k 2"]:
    """All of the lattice, in the ego frame."""
    x = torch.arange(_NUM_X, device=ego.speed_mps.device)
    y = torch.arange(-_HALF_Y, _HALF_Y + 1, device=ego.speed_mps.device)
    return RESOLUTION_M * torch.cartesian_prod(x, y).to(ego.speed_mps).expand(
        len(ego.speed_mps), -1, -1
    )
