"""What cells should say, where the road users are known."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from drive.perception.detector.box_code import encode
from sim.geometry.grid import BevGrid

_SHARED_IOU = 0.1
_RADIUS_CELLS = (2, 5)


@dataclass(frozen=True)
class Targets:
    """`heat` is 1 in cells that hold a centre and falls around them; `counts`: where that is known: within
    reach, and not around a box that is `doubted`.

    K boxes, each told by the cell that holds its centre and by the 8 around it, for the peak may be one
    off: what they say (`box_code`), which cells they are; `told`: whether the cell and the box are there.
    """

    heat: Float[Tensor, "b u v"]
    counts: Bool[Tensor, "b u v"]
    code: Float[Tensor, "b k 9 8"]
    cell: Int[Tensor, "b k 9"]
    told: Bool[Tensor, "b k 9"]

    @staticmethod
    def of(
        box: Float[Tensor, "b k 7"],
        there: Bool[Tensor, "b k"],
        reach_m: Float[Tensor, " b"],
        cells: BevGrid,
        doubted: Bool[Tensor, "b k"] | None = None,
    ) -> "Targets":
        """From boxes, all of which are known that are no farther from the origin than `reach_m`; those that
        are `doubted` may be nobody."""
        distance_m = cells.cell_centers_m(box.device).norm(dim=-1)
        counts = distance_m <= reach_m[:, None, None]
        code, i, j = encode(box, cells)
        inside = cells.holds(i, j)
        there = there & inside & (box[..., :2].norm(dim=-1) <= reach_m.unsqueeze(1))
        i, j = (torch.where(inside, number, 0.0).long() for number in (i, j))
        radius = radius_cells(box[..., 3:5] / cells.resolution_m)
        heat = _heat(i, j, radius, there, cells)
        if doubted is not None:
            counts = counts & ((_heat(i, j, radius, doubted & inside, cells) == 0.0) | (heat > 0.0))
        return Targets(heat, counts, *_told(code, i, j, there, cells))


def _told(
    code: Float[Tensor, "b k 8"],
    i: Int[Tensor, "b k"],
    j: Int[Tensor, "b k"],
    there: Bool[Tensor, "b k"],
    cells: BevGrid,
) -> tuple[Float[Tensor, "b k 9 8"], Int[Tensor, "b k 9"], Bool[Tensor, "b k 9"]]:
    """What is said of each box by the cells around its own (i, j), which those are, where there are any."""
    step = torch.cartesian_prod(*(torch.arange(-1, 2, device=i.device),) * 2)
    around_i, around_j = i.unsqueeze(-1) + step[:, 0], j.unsqueeze(-1) + step[:, 1]
    told = there.unsqueeze(-1) & cells.holds(around_i, around_j)
    place = code[..., None, :2] - step
    rest = code[..., None, 2:].expand(*place.shape[:-1], -1)
    return torch.cat((place, rest), -1), torch.where(told, cells.flat(around_i, around_j), 0), told


def radius_cells(size: Float[Tensor, "*k 2"]) -> Float[Tensor, "*k"]:
    """How far, in both directions, a box of that length and width (cells) may be off and share 0.1 with the
    true one: (l - r)(w - r) = 2 l w 0.1 / 1.1, rounded down; at least 2.

    The first case of CornerNet's (Law and Deng 2018), whose code takes the other root of the square.
    """
    length, width = size.unbind(-1)
    total, area = length + width, length * width
    lost = area * (1.0 - _SHARED_IOU) / (1.0 + _SHARED_IOU)
    radius = 0.5 * (total - (total.square() - 4.0 * lost).clamp(min=0.0).sqrt())
    return radius.floor().clamp(*_RADIUS_CELLS)


def _heat(
    i: Int[Tensor, "b k"],
    j: Int[Tensor, "b k"],
    radius: Float[Tensor, "b k"],
    there: Bool[Tensor, "b k"],
    cells: BevGrid,
) -> Float[Tensor, "b u v"]:
    """A bell around the cell of each box, cut off at its radius, which is three standard deviations; where
    they meet the higher one. After CenterNet (Zhou et al. 2019)."""
    most = _RADIUS_CELLS[1]
    step = torch.cartesian_prod(*(torch.arange(-most, most + 1, device=i.device),) * 2)
    spread = (2.0 * radius + 1.0) / 6.0
    bell = torch.exp(-step.square().sum(dim=-1) / (2.0 * spread.square()).unsqueeze(-1))
    around_i, around_j = i.unsqueeze(-1) + step[:, 0], j.unsqueeze(-1) + step[:, 1]
    held = (step.abs().amax(dim=-1) <= radius.unsqueeze(-1)) & cells.holds(around_i, around_j)
    held = held & there.unsqueeze(-1)
    number = torch.where(held, cells.flat(around_i, around_j), 0)
    bell = torch.where(held, bell, 0.0)
    heat = bell.new_zeros(len(i), cells.num_cells)
    heat = heat.scatter_reduce(1, number.flatten(1), bell.flatten(1), "amax")
    return heat.unflatten(1, cells.shape)
