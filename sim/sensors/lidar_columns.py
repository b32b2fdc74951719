"""Where the columns of a lidar's beams cross footprints: all beams of one azimuth share the answer.

Footprints are those of prisms and cylinders (`lidar_scene`), numbered prisms first; A columns lie side by
side in memory.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.compiling import one_operation
from sim.sensors.ground import NEVER_M
from sim.sensors.lidar_scene import Cylinders, Prisms

_PARALLEL = 1e-9


@dataclass(frozen=True)
class Columns:
    """Where each column of beams starts and in which direction (of length 1) it looks, world frame."""

    origin_m: Float[Tensor, "b a 2"]
    direction: Float[Tensor, "b a 2"]
    height_m: Float[Tensor, "b #a"]  # z of the sensor; may differ if it moves
    time_s: Float[Tensor, "b #a"]  # 0 at the end of the revolution, before it negative

    def split(self, number: int) -> list["Columns"]:
        """So many at a time."""
        count = self.origin_m.shape[1]
        parts = zip(
            self.origin_m.split(number, dim=1),
            self.direction.split(number, dim=1),
            self.height_m.expand(-1, count).split(number, dim=1),
            self.time_s.expand(-1, count).split(number, dim=1),
            strict=True,
        )
        return [Columns(*part) for part in parts]


@dataclass(frozen=True)
class Crossings:
    """Horizontal distance at which each column enters and leaves each of G footprints, what stands there.

    `leave_m` below `enter_m`: the column misses it.
    """

    enter_m: Float[Tensor, "b g a"]
    leave_m: Float[Tensor, "b g a"]
    cos_wall: Float[Tensor, "b g a"]  # of the angle to the normal of the side that it enters by
    low_m: Float[Tensor, "b g a"]  # z of what stands there, over the sensor
    high_m: Float[Tensor, "b g a"]


def cross_all(columns: Columns, prisms: Prisms, cylinders: Cylinders) -> Crossings:
    """Of every footprint."""
    flat = _cross_prisms(columns, *(x.unsqueeze(2) for x in _of_prisms(prisms)))
    curved = _cross_cylinders(columns, *(x.unsqueeze(2) for x in _of_cylinders(cylinders)))
    enter, leave, wall = (torch.cat(both, dim=1) for both in zip(flat, curved, strict=True))
    low, high = _heights(prisms, cylinders)
    up = columns.height_m.unsqueeze(1)
    low, high = ((z.unsqueeze(2) - up).expand_as(enter) for z in (low, high))
    return Crossings(enter, leave, wall, low, high)


def cross_some(
    columns: Columns, prisms: Prisms, cylinders: Cylinders, which: Int[Tensor, "b m a"]
) -> Crossings:
    """Of M footprints of each column; negative numbers: none, they are missed."""
    there, count = which >= 0, prisms.valid.shape[1]
    which = which.clamp(min=0)
    world = torch.arange(len(which), device=which.device)[:, None, None]
    as_prism, as_cylinder = which.clamp(max=count - 1), (which - count).clamp(min=0)
    flat = _cross_prisms(columns, *(x[world, as_prism] for x in _of_prisms(prisms)))
    curved = _cross_cylinders(columns, *(x[world, as_cylinder] for x in _of_cylinders(cylinders)))
    enter, leave, wall = (
        torch.where(which < count, *both) for both in zip(flat, curved, strict=True)
    )
    low, high = (z[world, which] for z in _heights(prisms, cylinders))
    up = columns.height_m.unsqueeze(1)
    return Crossings(enter, torch.where(there, leave, -NEVER_M), wall, low - up, high - up)


def over_footprints_m(
    columns: Columns, prisms: Prisms, cylinders: Cylinders, max_range_m: float
) -> Float[Tensor, "b g a"]:
    """How far each column runs over each footprint, positive where it crosses that within range.

    A number and no mask: compiled code takes twice as long to store one.
    """
    flat = _cross_prisms(columns, *(x.unsqueeze(2) for x in _of_prisms(prisms)))
    curved = _cross_cylinders(columns, *(x.unsqueeze(2) for x in _of_cylinders(cylinders)))
    within = [
        torch.minimum(leave - enter, torch.minimum(leave, max_range_m - enter))
        for enter, leave, _ in (flat, curved)
    ]
    return torch.cat(within, dim=1)


@one_operation(
    "crossed",
    lambda over_m, most: over_m.new_empty((len(over_m), most, over_m.shape[2]), dtype=torch.int64),
)
def crossed(over_m: Tensor, most: int) -> Tensor:
    """Numbers `[B, most, A]` of the footprints that each column crosses, as many as fit; -1: none.

    `over_m [B, G, A]`: `over_footprints_m`.
    """
    batch, number, columns = over_m.shape
    column, member = (over_m > 0).transpose(1, 2).reshape(-1, number).nonzero().unbind(dim=1)
    count = torch.bincount(column, minlength=batch * columns)
    place = torch.arange(len(column), device=column.device) - (count.cumsum(0) - count)[column]
    fits = place < most
    index = member.new_full((batch * columns, most), -1)
    index[column[fits], place[fits]] = member[fits]
    return index.view(batch, columns, most).transpose(1, 2).contiguous()


def _of_prisms(prisms: Prisms) -> tuple[Tensor, ...]:
    return prisms.normal, prisms.offset_m, prisms.velocity_mps, prisms.valid


def _of_cylinders(cylinders: Cylinders) -> tuple[Tensor, ...]:
    return cylinders.center_m, cylinders.radius_m, cylinders.valid


def _heights(prisms: Prisms, cylinders: Cylinders) -> tuple[Tensor, Tensor]:
    low = torch.cat((prisms.low_m, cylinders.low_m), dim=1)
    return low, torch.cat((prisms.high_m, cylinders.high_m), dim=1)


def _cross_prisms(
    columns: Columns,
    normal: Float[Tensor, "b g #a 4 2"],
    offset_m: Float[Tensor, "b g #a 4"],
    velocity_mps: Float[Tensor, "b g #a 2"],
    valid: Bool[Tensor, "b g #a"],
) -> tuple[Tensor, Tensor, Tensor]:
    """Clip each column by the four sides of each prism (Cyrus and Beck 1978): enter, leave, cosine.

    Moving prisms are put where they were when the column was fired.
    """
    (ox, oy), (dx, dy) = _across(columns)
    enter = torch.full_like(ox + offset_m[..., 0], -NEVER_M)
    leave = -enter
    cos_wall = torch.zeros_like(enter)
    vx, vy = (velocity * columns.time_s.unsqueeze(1) for velocity in velocity_mps.unbind(-1))
    for side in range(4):
        nx, ny = normal[..., side, :].unbind(-1)
        outside = (ox - vx) * nx + (oy - vy) * ny - offset_m[..., side]
        along = dx * nx + dy * ny
        at = -outside / torch.where(along.abs() < _PARALLEL, _PARALLEL, along)
        inward = along < 0
        later = inward & (at > enter)
        cos_wall = torch.where(later, -along, cos_wall)
        enter = torch.where(later, at, enter)
        leave = torch.where(inward, leave, torch.minimum(leave, at))
        # Parallel to a side and beyond it: never inside.
        missed = (along.abs() < _PARALLEL) & (outside > 0)
        leave = torch.where(missed, -NEVER_M, leave)
    leave = torch.where(valid, leave, -NEVER_M)
    return torch.nan_to_num(enter), torch.nan_to_num(leave, nan=-NEVER_M), cos_wall


def _cross_cylinders(
    columns: Columns,
    center_m: Float[Tensor, "b g #a 2"],
    radius_m: Float[Tensor, "b g #a"],
    valid: Bool[Tensor, "b g #a"],
) -> tuple[Tensor, Tensor, Tensor]:
    """The two roots of the quadratic equation of column and circle: enter, leave, cosine."""
    (ox, oy), (dx, dy) = _across(columns)
    cx, cy = center_m.unbind(-1)
    rx, ry = cx - ox, cy - oy
    middle = rx * dx + ry * dy
    beside = rx * dy - ry * dx
    square = radius_m**2 - beside**2
    half = torch.sqrt(square.clamp(min=0.0))
    leave = torch.where((square > 0) & valid, middle + half, -NEVER_M)
    return middle - half, leave, half / radius_m.clamp(min=1e-6)


def _across(columns: Columns) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """x and y of origin and direction, `[B, 1, A]`."""
    origin, direction = columns.origin_m.unsqueeze(1), columns.direction.unsqueeze(1)
    return origin.unbind(-1), direction.unbind(-1)
