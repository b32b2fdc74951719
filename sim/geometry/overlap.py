"""How much of two oriented boxes is shared, exactly: areas of intersections and intersection over union."""

import torch
from jaxtyping import Float
from torch import Tensor

from sim.geometry import box, se2

_INSIDE_M = 1e-6  # a corner so far outside still counts: corners of equal boxes do


def shared_area_m2(
    pose_a: Float[Tensor, "*p 3"],
    size_a: Float[Tensor, "*p 2"],
    pose_b: Float[Tensor, "*p 3"],
    size_b: Float[Tensor, "*p 2"],
) -> Float[Tensor, "*p"]:
    """The area in which boxes overlap, pair by pair, in double precision.

    The polygon's corners are those of each box that lie in the other, and the points where sides
    cross; in order around their mean they give its area (shoelace formula).
    """
    # Near the origin, where differences of coordinates are exact: seen from the first box.
    a_SE2_b = se2.compose(se2.inverse(pose_a.double()), pose_b.double())
    size_a, size_b = size_a.double(), size_b.double()
    of_a = box.corners(torch.zeros_like(a_SE2_b), size_a)
    of_b = box.corners(a_SE2_b, size_b)
    back = se2.transform_points(se2.inverse(a_SE2_b).unsqueeze(-2), of_a)
    a_in_b = (back.abs() <= 0.5 * size_b.unsqueeze(-2) + _INSIDE_M).all(dim=-1)
    b_in_a = (of_b.abs() <= 0.5 * size_a.unsqueeze(-2) + _INSIDE_M).all(dim=-1)
    crossing, crosses = _crossings(of_a, of_b)
    point = torch.cat((of_a, of_b, crossing), dim=-2)
    return _area(point, torch.cat((a_in_b, b_in_a, crosses), dim=-1))


def iou(
    pose_a: Float[Tensor, "*p 3"],
    size_a: Float[Tensor, "*p 2"],
    pose_b: Float[Tensor, "*p 3"],
    size_b: Float[Tensor, "*p 2"],
) -> Float[Tensor, "*p"]:
    """Intersection over union of boxes seen from above, pair by pair; 0 where both are empty."""
    shared = shared_area_m2(pose_a, size_a, pose_b, size_b)
    union = size_a.double().prod(dim=-1) + size_b.double().prod(dim=-1) - shared
    return torch.where(union > 0.0, shared / union.clamp(min=1e-12), 0.0)


def _crossings(
    of_a: Float[Tensor, "*p 4 2"], of_b: Float[Tensor, "*p 4 2"]
) -> tuple[Float[Tensor, "*p 16 2"], Tensor]:
    """Where each side of one meets each of the other, and whether it does."""
    start_a, start_b = of_a.unsqueeze(-2), of_b.unsqueeze(-3)
    along_a = (of_a.roll(-1, dims=-2) - of_a).unsqueeze(-2)
    along_b = (of_b.roll(-1, dims=-2) - of_b).unsqueeze(-3)
    across = _cross(along_a, along_b)
    parallel = across.abs() < 1e-12
    safe = torch.where(parallel, 1.0, across)
    on_a = _cross(start_b - start_a, along_b) / safe
    on_b = _cross(start_b - start_a, along_a) / safe
    meets = ~parallel & (on_a >= 0.0) & (on_a <= 1.0) & (on_b >= 0.0) & (on_b <= 1.0)
    point = start_a + on_a.unsqueeze(-1) * along_a
    return point.flatten(-3, -2), meets.flatten(-2)


def _area(point: Float[Tensor, "*p k 2"], valid: Tensor) -> Float[Tensor, "*p"]:
    """Of the convex polygon whose corners are the valid points, in any order and repeated at will."""
    number = valid.sum(dim=-1, keepdim=True).clamp(min=1)
    mean = torch.where(valid.unsqueeze(-1), point, 0.0).sum(dim=-2) / number
    seen = point - mean.unsqueeze(-2)
    angle = torch.where(valid, torch.atan2(seen[..., 1], seen[..., 0]), torch.inf)
    order = angle.argsort(dim=-1)
    seen = torch.gather(seen, -2, order.unsqueeze(-1).expand_as(seen))
    # Those that do not count take the place of the first one, which ends the round.
    counts = torch.gather(valid, -1, order).unsqueeze(-1)
    seen = torch.where(counts, seen, seen[..., :1, :])
    area = 0.5 * _cross(seen, seen.roll(-1, dims=-2)).sum(dim=-1)
    return torch.where(valid.any(dim=-1), area.clamp(min=0.0), 0.0)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
