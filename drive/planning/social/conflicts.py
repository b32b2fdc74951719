"""Where trajectories of two road users meet: which boxes come near to one another, and how near."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.geometry.box import circumradius_m, parts, penetration_of_parts_m

TOUCH_M = 0.5
"""who is so deep in another collides for certain; samples are a little off, so a touch counts less"""
_AT_ONCE = 128  # instants of pairs whose distances fit into the processor's cache


@dataclass(frozen=True)
class Pairs:
    """P pairs of road users that can meet, each once: rows of `Samples` in one world each."""

    world: Int[Tensor, " p"]
    first: Int[Tensor, " p"]
    second: Int[Tensor, " p"]

    @staticmethod
    def within_reach(
        pose: Float[Tensor, "b n k t 3"],
        valid: Bool[Tensor, "b n k"],
        size_m: Float[Tensor, "b n 2"],
    ) -> "Pairs":
        """Those whose trajectories lie, at any instant, in rectangles that touch."""
        there = valid[..., None, None]
        radius = circumradius_m(size_m)[..., None, None]
        low = torch.where(there, pose[..., :2], torch.inf).amin(dim=2) - radius
        high = torch.where(there, pose[..., :2], -torch.inf).amax(dim=2) + radius
        apart = (low.unsqueeze(1) > high.unsqueeze(2)) | (low.unsqueeze(2) > high.unsqueeze(1))
        meets = ~apart.any(dim=-1).all(dim=-1)
        once = torch.ones_like(meets[0]).triu(1)
        return Pairs(*(meets & once).nonzero(as_tuple=True))


@dataclass(frozen=True)
class Meetings:
    """The boxes that are near to one another: of `pair` its `first` and `second` trajectory, at `instant`.

    `depth_m`: how deep they are in one another (`penetration_m`).
    """

    pair: Int[Tensor, " m"]
    instant: Int[Tensor, " m"]
    first: Int[Tensor, " m"]
    second: Int[Tensor, " m"]
    depth_m: Float[Tensor, " m"]

    def sums(self, value: Float[Tensor, " m"], shape: tuple[int, int, int]) -> Tensor:
        """Over the instants of each two trajectories, `[P, K, L]`."""
        return value.new_zeros(shape).flatten().index_add_(0, self._of(shape), value).reshape(shape)

    def most(self, value: Float[Tensor, " m"], shape: tuple[int, int, int]) -> Tensor:
        """At the worst instant of each two trajectories, at least 0, `[P, K, L]`."""
        out = value.new_zeros(shape).flatten()
        return out.scatter_reduce_(0, self._of(shape), value, "amax").reshape(shape)

    def _of(self, shape: tuple[int, int, int]) -> Int[Tensor, " m"]:
        return (self.pair * shape[1] + self.first) * shape[2] + self.second


def meetings(
    pose_a: Float[Tensor, "p k t 3"],
    size_a: Float[Tensor, "p #k #t 2"],
    pose_b: Float[Tensor, "p l t 3"],
    size_b: Float[Tensor, "p 2"],
    near_m: float = 0.0,
) -> Meetings:
    """Of P pairs of road users; boxes farther apart than `near_m` are left out, and whose pose is NaN.

    Rectangles around all trajectories are asked first, then circles; few boxes are left.
    """
    instants = pose_a.shape[2]
    size_a = size_a.expand(-1, -1, instants, -1)
    pose_a, size_a, pose_b = (
        each.transpose(1, 2).flatten(0, 1) for each in (pose_a, size_a, pose_b)
    )
    size_b = size_b.repeat_interleave(instants, dim=0).unsqueeze(1)
    rows = _rectangles_meet(pose_a, size_a, pose_b, size_b, near_m).nonzero().squeeze(1)
    # Fresh memory for every product would take longer than the products.
    room = pose_a.new_empty(min(_AT_ONCE, len(rows)), pose_a.shape[1], pose_b.shape[1])
    found = []
    for some in rows.split(_AT_ONCE):
        a = _Boxes.of(pose_a.index_select(0, some), size_a.index_select(0, some))
        b = _Boxes.of(pose_b.index_select(0, some), size_b.index_select(0, some))
        at, *rest = _met(a, b, near_m, room)
        found.append((some.index_select(0, at), *rest))
    row, first, second, depth_m = (torch.cat(part) for part in zip(*found, strict=True))
    return Meetings(row // instants, row % instants, first, second, depth_m)


@dataclass(frozen=True)
class _Boxes:
    """`parts` of K boxes at each of U instants of a pair, and the radius of the circle around them."""

    part: Float[Tensor, "6 u k"]
    radius_m: Float[Tensor, "u #k"]

    @staticmethod
    def of(pose: Float[Tensor, "u k 3"], size_m: Float[Tensor, "u #k 2"]) -> "_Boxes":
        part = torch.broadcast_tensors(*parts(pose, size_m))
        return _Boxes(torch.stack(part), circumradius_m(size_m))

    def take(self, index: Int[Tensor, " m"]) -> tuple[Tensor, ...]:
        """The parts of some, numbered through all of them."""
        return self.part.flatten(1).index_select(1, index).unbind(0)


def _met(a: _Boxes, b: _Boxes, near_m: float, room: Tensor) -> tuple[Tensor, ...]:
    """Number of pair and instant, first, second, and how deep."""
    firsts, seconds = a.part.shape[2], b.part.shape[2]
    number = _circles_meet(a, b, near_m, room).flatten().nonzero().squeeze(1)
    one = number // seconds  # of a
    row, second = one // firsts, number % seconds
    depth_m = penetration_of_parts_m(a.take(one), b.take(row * seconds + second))
    kept = (depth_m > -near_m).nonzero().squeeze(1)
    row, one, second, depth_m = (v.index_select(0, kept) for v in (row, one, second, depth_m))
    return row, one % firsts, second, depth_m


def _rectangles_meet(
    pose_a: Float[Tensor, "u k 3"],
    size_a: Float[Tensor, "u #k 2"],
    pose_b: Float[Tensor, "u l 3"],
    size_b: Float[Tensor, "u 1 2"],
    near_m: float,
) -> Bool[Tensor, " u"]:
    """Whether those around everything that either might do at an instant touch."""
    reach_m = circumradius_m(size_a).amax(dim=1) + circumradius_m(size_b)[:, 0] + near_m
    low_a, high_a = _bounds(pose_a)
    low_b, high_b = _bounds(pose_b)
    reach_m = reach_m.unsqueeze(1)
    return ((low_a - reach_m < high_b) & (low_b < high_a + reach_m)).all(dim=1)


def _bounds(pose: Float[Tensor, "u k 3"]) -> tuple[Tensor, Tensor]:
    """Least and greatest x and y."""
    at = pose[..., :2]
    return at.nan_to_num(torch.inf).amin(dim=1), at.nan_to_num(-torch.inf).amax(dim=1)


def _circles_meet(a: _Boxes, b: _Boxes, near_m: float, room: Tensor) -> Bool[Tensor, "u k l"]:
    """|a|^2 - reach^2 + |b|^2 - 2 ab < 0, as one product; the largest circle of b stands for all of them."""
    reach_m = a.radius_m + b.radius_m.amax(dim=1, keepdim=True) + near_m
    (x_a, y_a), (x_b, y_b) = a.part[:2], b.part[:2]
    left = (-2.0 * x_a, -2.0 * y_a, x_a**2 + y_a**2 - reach_m**2, torch.ones_like(x_a))
    right = (x_b, y_b, torch.ones_like(x_b), x_b**2 + y_b**2)
    factors = torch.stack(left, dim=-1), torch.stack(right, dim=-2)
    return torch.bmm(*factors, out=room[: len(factors[0])]) < 0.0
