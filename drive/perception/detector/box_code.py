"""Boxes as what a cell says of the one whose centre it holds, and back."""

import torch
from jaxtyping import Float
from torch import Tensor

from sim.geometry.grid import BevGrid

NUMBERS = 8
"""x and y from the cell's low corner (cells), z (m), log of length, width and height (m), sine and cosine
of twice the heading: boxes turned by half a turn are the same"""
_LOG_SIZE = (-3.0, 3.5)  # 5 cm to 33 m


def encode(
    box: Float[Tensor, "*k 7"], cells: BevGrid
) -> tuple[Float[Tensor, "*k 8"], Float[Tensor, "*k"], Float[Tensor, "*k"]]:
    """What is said of boxes, and the cells i and j that hold their centres, whole numbers."""
    x, y = cells.cells(box[..., 0], box[..., 1])
    i, j = x.floor(), y.floor()
    turn = 2.0 * box[..., 6]
    low, high = _LOG_SIZE
    size = box[..., 3:6].clamp(min=1e-6).log().clamp(low, high)
    place = torch.stack((x - i, y - j, box[..., 2]), dim=-1)
    heading = torch.stack((turn.sin(), turn.cos()), dim=-1)
    return torch.cat((place, size, heading), dim=-1), i, j


def decode(
    code: Float[Tensor, "*k 8"], i: Tensor, j: Tensor, cells: BevGrid
) -> Float[Tensor, "*k 7"]:
    """The boxes of which cells (i, j) say that; headings within a quarter of a turn of straight ahead."""
    x_m, y_m = cells.point_m(i + code[..., 0], j + code[..., 1])
    place = torch.stack((x_m, y_m, code[..., 2]), dim=-1)
    size_m = code[..., 3:6].clamp(*_LOG_SIZE).exp()
    yaw = 0.5 * torch.atan2(code[..., 6], code[..., 7])
    return torch.cat((place, size_m, yaw.unsqueeze(-1)), dim=-1)
