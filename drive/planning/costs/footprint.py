"""What a raster around the ego holds under its box: points of the box, and the look-up."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from sim.geometry.grid import BevGrid

_ALONG, _ACROSS = 11, 3  # points of a footprint: on a car half a metre and a metre apart
_AT_ONCE = 400_000  # points, 5 MB with what they are placed by


def footprint_m(
    size_m: Float[Tensor, "b 2"], wider_m: float = 0.0, longer_m: float = 0.0
) -> Float[Tensor, "b q 2"]:
    """Points all over the ego's box, corners included, in its own frame; the box grown on every side."""
    grown = size_m + 2.0 * torch.tensor((longer_m, wider_m), device=size_m.device)
    return _shares(size_m.device) * grown.unsqueeze(1)


def swept_s(dt_s: float, device: torch.device) -> Float[Tensor, " q"]:
    """How far ahead the points of a footprint have to lie so that it covers what the box sweeps in `dt_s`."""
    return dt_s * _shares(device)[:, 0]


def front_m(size_m: Float[Tensor, "b 2"]) -> Float[Tensor, "b q 2"]:
    """Points along the front of the ego's box."""
    return _shares(size_m.device)[-_ACROSS:] * size_m.unsqueeze(1)


def _shares(device: torch.device) -> Float[Tensor, "q 2"]:
    """Of length and width: from the rear to the front, each row from right to left."""
    return torch.cartesian_prod(
        torch.linspace(-0.5, 0.5, _ALONG, device=device),
        torch.linspace(-0.5, 0.5, _ACROSS, device=device),
    )


def look_up(
    volume: Float[Tensor, "b t x y"],
    grid: BevGrid,
    trajectory: Float[Tensor, "b k t 5"],
    point_m: Float[Tensor, "b q 2"],
    ahead_s: Float[Tensor, " q"] | None = None,
    smooth: bool = False,
) -> Float[Tensor, "b k t q"]:
    """At each instant, the cells that hold points of the ego's frame there; smooth: in proportion between
    the centres of cells around them. Each point may lie a time at the ego's speed further ahead.

    0 off the grid. Differentiable in the volume, and twice in the trajectory where smooth.
    """
    where = _placed(trajectory.transpose(1, 2), grid, point_m, ahead_s)
    if smooth and where.requires_grad:
        return _between_cells(volume, where).transpose(1, 2)
    seen = torch.nn.functional.grid_sample(
        volume.flatten(0, 1).unsqueeze(1),
        where.flatten(0, 1),
        mode="bilinear" if smooth else "nearest",
        align_corners=False,
    )
    batch, candidates, instants, _ = trajectory.shape
    return seen.reshape(batch, instants, candidates, -1).transpose(1, 2)


def reduced(
    reduce: Callable[[Tensor], Tensor],
    volume: Float[Tensor, "b t x y"],
    grid: BevGrid,
    trajectory: Float[Tensor, "b k t 5"],
    point_m: Float[Tensor, "b q 2"],
    ahead_s: Float[Tensor, " q"] | None = None,
    smooth: bool = False,
) -> Float[Tensor, "b k t *r"]:
    """`look_up`, of whose points something is made at each instant, as the most or the mean of them.

    A few instants at a time: the points of many worlds are more than caches hold.
    """
    points = len(trajectory) * trajectory.shape[1] * point_m.shape[1]
    steps = max(1, _AT_ONCE // max(points, 1))
    found = [
        reduce(look_up(part, grid, course, point_m, ahead_s, smooth))
        for part, course in zip(
            volume.split(steps, dim=1), trajectory.split(steps, dim=2), strict=True
        )
    ]
    return torch.cat(found, dim=2)


def _placed(
    trajectory: Float[Tensor, "b t k 5"],
    grid: BevGrid,
    point_m: Float[Tensor, "b q 2"],
    ahead_s: Float[Tensor, " q"] | None,
) -> Float[Tensor, "b t k q 2"]:
    """The points as `grid_sample` wants them: y and x, over half the grid, from its middle.

    One matrix product: a point is linear in cos, sin, x, y of the pose, and in the speed along them.
    """
    x, y, yaw, speed = trajectory[..., :4].unbind(-1)
    cos, sin = torch.cos(yaw), torch.sin(yaw)
    (low_x, low_y), (high_x, high_y) = (grid.x_min_m, grid.y_min_m), grid.high_m
    scale_x, scale_y = 2.0 / (high_x - low_x), 2.0 / (high_y - low_y)
    told = torch.stack(
        (
            cos, sin, speed * cos, speed * sin,
            scale_x * (x - low_x) - 1.0, scale_y * (y - low_y) - 1.0,
        ), dim=1,
    ).flatten(2)  # fmt: skip
    ahead = torch.zeros_like(point_m[..., 0])
    ahead = ahead if ahead_s is None else ahead + ahead_s
    along, across = point_m.unbind(-1)
    none, one = torch.zeros_like(along), torch.ones_like(along)
    of_y = torch.stack((across, along, none, ahead, none, one / scale_y), dim=1) * scale_y
    of_x = torch.stack((along, -across, ahead, none, one / scale_x, none), dim=1) * scale_x
    factors = torch.stack((of_y, of_x), dim=-1).flatten(2)
    batch, instants, candidates = x.shape
    out = told.transpose(1, 2) @ factors
    return out.reshape(batch, instants, candidates, -1, 2)


def look_at(
    raster: Float[Tensor, "b c x y"], grid: BevGrid, point_m: Float[Tensor, "b q 2"]
) -> Float[Tensor, "b c q"]:
    """What rasters hold at points of the ego frame, in proportion between the centres of cells.

    Off the grid: what its edge holds. Differentiable twice in the points.
    """
    low_m = torch.tensor((grid.x_min_m, grid.y_min_m)).to(point_m)
    size_m = torch.tensor(grid.high_m).to(point_m) - low_m
    edge = 1.0 - 1.0 / torch.tensor(grid.shape).to(point_m)
    where = (2.0 * (point_m - low_m) / size_m - 1.0).clamp(-edge, edge).flip(-1)
    if where.requires_grad:
        each = where[:, None, None].expand(-1, raster.shape[1], -1, -1, -1)
        return _between_cells(raster, each).squeeze(2)
    seen = torch.nn.functional.grid_sample(raster, where.unsqueeze(2), align_corners=False)
    return seen.squeeze(3)


def _between_cells(
    volume: Float[Tensor, "b t x y"], where: Float[Tensor, "b t k q 2"]
) -> Float[Tensor, "b t k q"]:
    """What `grid_sample` gives, as it wants its points; that cannot be differentiated twice."""
    num_x, num_y = volume.shape[2:]
    j = 0.5 * num_y * (where[..., 0] + 1.0) - 0.5
    i = 0.5 * num_x * (where[..., 1] + 1.0) - 0.5
    low_i, low_j = torch.floor(i.detach()), torch.floor(j.detach())
    flat = volume.flatten(2)

    def at(i: Tensor, j: Tensor) -> Tensor:
        held = (i >= 0.0) & (i < num_x) & (j >= 0.0) & (j < num_y)
        index = torch.where(held, i * num_y + j, 0.0).long().flatten(2)
        return torch.where(held, torch.gather(flat, 2, index).reshape(held.shape), 0.0)

    near = torch.lerp(at(low_i, low_j), at(low_i, low_j + 1.0), j - low_j)
    far = torch.lerp(at(low_i + 1.0, low_j), at(low_i + 1.0, low_j + 1.0), j - low_j)
    return torch.lerp(near, far, i - low_i)
