"""Oriented boxes: in the plane a pose `[..., 3]` and a size `[..., 2]` (length, width) in metres.

`holds_points` and `points_in_boxes` take upright boxes in space, `[..., 7]`.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.compiling import materialize
from sim.geometry import se2

# Corner signs, counter-clockwise from front left: front left, rear left, rear right, front right.
_CORNER_SIGNS = ((0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5))


def corners(pose: Float[Tensor, "*b 3"], size_m: Float[Tensor, "*c 2"]) -> Float[Tensor, "*d 4 2"]:
    """The four corners: front left, rear left, rear right, front right."""
    signs = torch.tensor(_CORNER_SIGNS, dtype=pose.dtype, device=pose.device)
    return se2.transform_points(pose.unsqueeze(-2), signs * size_m.unsqueeze(-2))


def sides(
    pose: Float[Tensor, "*b 3"], size_m: Float[Tensor, "*b 2"]
) -> tuple[Float[Tensor, "*b 4 2"], Float[Tensor, "*b 4"]]:
    """Outward normals n of the four sides (front, rear, left, right) and offsets d: inside, n . p <= d."""
    cos, sin = torch.cos(pose[..., 2]), torch.sin(pose[..., 2])
    ahead, left = torch.stack((cos, sin), dim=-1), torch.stack((-sin, cos), dim=-1)
    normal = torch.stack((ahead, -ahead, left, -left), dim=-2)
    half = 0.5 * size_m.repeat_interleave(2, dim=-1)
    return normal, half + (normal * pose[..., None, :2]).sum(dim=-1)


def penetration_m(
    pose_a: Float[Tensor, "*a 3"],
    size_a: Float[Tensor, "*c 2"],
    pose_b: Float[Tensor, "*b 3"],
    size_b: Float[Tensor, "*d 2"],
) -> Tensor:
    """How deep two boxes overlap along the separating axis that is nearest to parting them.

    Positive: they overlap, and that much motion along one axis parts them. Negative: apart by at
    least that much. Separating-axis theorem on the four face normals (Gottschalk et al. 1996).
    """
    return penetration_of_parts_m(parts(pose_a, size_a), parts(pose_b, size_b))


def penetration_of_parts_m(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> Tensor:
    """`penetration_m` of what `parts` makes of boxes."""
    x_a, y_a, cos_a, sin_a, half_la, half_wa = a
    x_b, y_b, cos_b, sin_b, half_lb, half_wb = b
    cos = (cos_a * cos_b + sin_a * sin_b).abs()
    sin = (sin_a * cos_b - cos_a * sin_b).abs()
    dx, dy = x_b - x_a, y_b - y_a
    along_a = half_la + cos * half_lb + sin * half_wb - (cos_a * dx + sin_a * dy).abs()
    across_a = half_wa + sin * half_lb + cos * half_wb - (cos_a * dy - sin_a * dx).abs()
    along_b = half_lb + cos * half_la + sin * half_wa - (cos_b * dx + sin_b * dy).abs()
    across_b = half_wb + sin * half_la + cos * half_wa - (cos_b * dy - sin_b * dx).abs()
    return torch.minimum(torch.minimum(along_a, across_a), torch.minimum(along_b, across_b))


def parts(pose: Float[Tensor, "*a 3"], size_m: Float[Tensor, "*b 2"]) -> tuple[Tensor, ...]:
    """Centre x and y, cos and sin of the yaw, half length and half width; stored, because boxes are fewer
    than the pairs that read them."""
    (x, y, yaw), (length, width) = pose.unbind(-1), size_m.unbind(-1)
    return materialize(x, y, torch.cos(yaw), torch.sin(yaw), 0.5 * length, 0.5 * width)


def overlaps(pose_a: Tensor, size_a: Tensor, pose_b: Tensor, size_b: Tensor) -> Tensor:
    """Whether two boxes overlap (touching does not count); shapes as in `penetration_m`."""
    return penetration_m(pose_a, size_a, pose_b, size_b) > 0.0


def circumradius_m(size_m: Float[Tensor, "*b 2"]) -> Tensor:
    """The radius of the circle through the corners: boxes farther apart than the sum never touch."""
    return 0.5 * torch.linalg.vector_norm(size_m, dim=-1)


def holds_points(
    points_m: Float[Tensor, "*b p 3"], boxes: Float[Tensor, "*b k 7"]
) -> Bool[Tensor, "*b k p"]:
    """Which points lie in which upright boxes (x, y, z of the centre, length, width, height, yaw).

    The surface belongs to the box, as in nuScenes' and Argoverse 2's own counts.
    """
    pose = torch.cat((boxes[..., :2], boxes[..., 6:]), dim=-1).unsqueeze(-2)
    flat = se2.transform_points(se2.inverse(pose), points_m[..., :2].unsqueeze(-3))
    high = points_m[..., 2].unsqueeze(-2) - boxes[..., 2].unsqueeze(-1)
    half = 0.5 * boxes[..., 3:6].unsqueeze(-2)
    return (flat.abs() <= half[..., :2]).all(dim=-1) & (high.abs() <= half[..., 2])


def points_in_boxes(
    points_m: Float[Tensor, "*b p 3"], boxes: Float[Tensor, "*b k 7"]
) -> Int[Tensor, "*b k"]:
    """How many points lie in each upright box; see `holds_points`."""
    return holds_points(points_m, boxes).sum(dim=-1)
