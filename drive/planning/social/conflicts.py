"""Where trajectories of two road users meet: which boxes come near to one another, and how near."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.geometry.box import circumradius_m, penetration_m

TOUCH_M = 0.5
"""who is so deep in another collides for certain; samples are a little off, so a touch counts less"""
_AT_ONCE = 16  # pairs whose distances fit into the processor's cache


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
    """Of P pairs of road users; boxes farther apart than `near_m` are left out.

    Circles are asked first, by a matrix product: few boxes are left.
    """
    size_a = size_a.expand(*pose_a.shape[:3], 2)
    found = [
        _near(pose_a[part], size_a[part], pose_b[part], size_b[part], near_m)
        for part in (slice(k, k + _AT_ONCE) for k in range(0, max(1, len(pose_a)), _AT_ONCE))
    ]
    begins = range(0, max(1, len(pose_a)), _AT_ONCE)
    pair = torch.cat([begin + part[0] for begin, part in zip(begins, found, strict=True)])
    instant, first, second = (torch.cat([part[k] for part in found]) for k in (1, 2, 3))
    depth = penetration_m(
        pose_a[pair, first, instant], size_a[pair, first, instant],
        pose_b[pair, second, instant], size_b[pair],
    )  # fmt: skip
    kept = depth > -near_m
    return Meetings(pair[kept], instant[kept], first[kept], second[kept], depth[kept])


def _near(
    pose_a: Tensor, size_a: Tensor, pose_b: Tensor, size_b: Tensor, near_m: float
) -> tuple[Tensor, ...]:
    """Pair, instant, first and second of circles that meet."""
    a, b = pose_a[..., :2].transpose(1, 2), pose_b[..., :2].transpose(1, 2)
    reach = circumradius_m(size_a).transpose(1, 2) + circumradius_m(size_b)[:, None, None] + near_m
    one_a, one_b = torch.ones_like(a[..., :1]), torch.ones_like(b[..., :1])
    square_a = a.square().sum(dim=-1, keepdim=True) - reach.square().unsqueeze(-1)
    square_b = b.square().sum(dim=-1, keepdim=True)
    # |a - b|^2 - reach^2 as one product.
    left = torch.cat((-2.0 * a, square_a, one_a), dim=-1)
    right = torch.cat((b, one_b, square_b), dim=-1)
    return (left @ right.transpose(-1, -2) < 0.0).nonzero(as_tuple=True)
