"""Sweeps made sparser, so that what is near looks as what is far does (OYSTER, section 3.1)."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

COLUMNS = (600, 900, 1200, 1500)
"""into how many directions a turn is divided, one is drawn"""


def keep_beams(row: Int[Tensor, " n"], every: int, first: int) -> Bool[Tensor, " n"]:
    """The returns of every `every`-th laser, counted from `first` on."""
    return (row - first) % every == 0


def keep_directions(point_m: Float[Tensor, "n 3"], columns: int, ratio: int) -> Bool[Tensor, " n"]:
    """One direction of `ratio` + 1, in azimuth and in elevation; points as the sensor sees them.

    Bins are 2 pi / `columns` wide in both.
    """
    width_rad = 2.0 * math.pi / columns
    x, y, z = point_m.unbind(-1)
    azimuth = torch.floor(torch.atan2(y, x) / width_rad)
    elevation = torch.floor(torch.atan2(z, torch.hypot(x, y)) / width_rad)
    return (azimuth % (ratio + 1) == 0) & (elevation % (ratio + 1) == 0)


def dropped(
    point_m: Float[Tensor, "n 3"], row: Int[Tensor, " n"], generator: torch.Generator
) -> Bool[Tensor, " n"]:
    """Which points stay, by one of both ways and how sparse drawn by chance: none, half or two thirds of
    the lasers go, or of the directions."""

    def draw(high: int) -> int:
        return int(torch.randint(high, (), generator=generator))

    ratio = draw(3)
    if draw(2):
        return keep_beams(row, ratio + 1, draw(ratio + 1))
    return keep_directions(point_m, COLUMNS[draw(len(COLUMNS))], ratio)
