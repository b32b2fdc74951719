"""Upright boxes around clusters of points, all clusters and all headings at once."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sim.geometry import se2

HEADINGS = 90  # tried, from 0 to 90 degrees: a rectangle turned by more is one of those
NEAREST_M = 0.01  # a point nearer to an edge than this is on it


def fit_boxes(
    point_m: Float[Tensor, "n 3"], cluster: Int[Tensor, " n"], num: int
) -> Float[Tensor, "k 7"]:
    """A box around the points of each of `num` clusters; a point of cluster -1 is in none.

    Of all headings the one is taken whose rectangle has the points nearest to its edges: a car shows a lidar
    two of its sides. Closeness criterion of Zhang et al. (Efficient L-Shape Fitting, IV 2017, algorithm 3).
    The long side is the length, so that the heading is known but for half a turn. A cluster without
    points has zeros.
    """
    held = cluster >= 0
    point_m, cluster = point_m[held], cluster[held]
    angle = 0.5 * math.pi / HEADINGS * torch.arange(HEADINGS, device=point_m.device)
    u, v = se2.rotate(point_m[:, :2], -angle.unsqueeze(1)).unbind(-1)
    low_u, high_u = _extent(u, cluster, num)
    low_v, high_v = _extent(v, cluster, num)
    edge_m = torch.minimum(
        torch.minimum(u - low_u[:, cluster], high_u[:, cluster] - u),
        torch.minimum(v - low_v[:, cluster], high_v[:, cluster] - v),
    )
    closeness = u.new_zeros(HEADINGS, num)
    closeness.index_add_(1, cluster, 1.0 / edge_m.clamp(min=NEAREST_M))
    best, column = closeness.argmax(dim=0), torch.arange(num, device=u.device)
    low_u, high_u, low_v, high_v = (side[best, column] for side in (low_u, high_u, low_v, high_v))
    middle = torch.stack((0.5 * (low_u + high_u), 0.5 * (low_v + high_v)), dim=-1)
    along, across = high_u - low_u, high_v - low_v
    turned = across > along
    yaw = angle[best] + torch.where(turned, 0.5 * math.pi, 0.0)
    low_z, high_z = (z.squeeze(0) for z in _extent(point_m[:, 2].unsqueeze(0), cluster, num))
    center = torch.cat(
        (se2.rotate(middle, angle[best]), (0.5 * (low_z + high_z)).unsqueeze(1)), dim=1
    )
    length, width = torch.maximum(along, across), torch.minimum(along, across)
    size = torch.stack((length, width, high_z - low_z), dim=1)
    fitted = torch.cat((center, size, yaw.unsqueeze(1)), dim=1)
    filled = torch.zeros(num, dtype=torch.bool, device=u.device).index_fill(0, cluster, True)
    return torch.where(filled.unsqueeze(1), fitted, 0.0)


def settled(
    boxes: Float[Tensor, "k 7"], cloud_m: Float[Tensor, "n 3"], below_m: float = 0.5
) -> Float[Tensor, "k 7"]:
    """Boxes that reach down to the lowest point of the whole sweep under them, at most `below_m` lower.

    The ground was taken away before clustering, and the wheels with it.
    """
    bottom, top = boxes[:, 2] - 0.5 * boxes[:, 5], boxes[:, 2] + 0.5 * boxes[:, 5]
    index, which = _near(boxes, cloud_m)
    point, of = cloud_m[index], boxes[which]
    local = se2.rotate(point[:, :2] - of[:, :2], -of[:, 6])
    inside = (local.abs() <= 0.5 * of[:, 3:5]).all(dim=1)
    inside &= (point[:, 2] >= bottom[which] - below_m) & (point[:, 2] <= top[which])
    lowest = bottom.scatter_reduce(0, which[inside], point[inside, 2], "amin")
    out = boxes.clone()
    out[:, 2], out[:, 5] = 0.5 * (top + lowest), top - lowest
    return out


def _near(
    boxes: Float[Tensor, "k 7"], cloud_m: Float[Tensor, "n 3"]
) -> tuple[Int[Tensor, " m"], Int[Tensor, " m"]]:
    """Pairs of a point and a box whose circle it lies in, from above."""
    import numpy as np
    from scipy.spatial import KDTree

    if not len(boxes) or not len(cloud_m):
        nobody = torch.zeros(0, dtype=torch.long)
        return nobody, nobody
    radius_m = 0.5 * boxes[:, 3:5].norm(dim=1)
    held = KDTree(cloud_m[:, :2].numpy()).query_ball_point(boxes[:, :2].numpy(), radius_m.numpy())
    which = np.repeat(np.arange(len(boxes)), [len(points) for points in held])
    index = np.concatenate(held).astype(np.int64)
    return torch.from_numpy(index), torch.from_numpy(which)


def _extent(
    value: Float[Tensor, "a n"], cluster: Int[Tensor, " n"], num: int
) -> tuple[Float[Tensor, "a k"], Float[Tensor, "a k"]]:
    """Least and greatest value of each cluster."""
    index = cluster.expand_as(value)
    low = value.new_full((len(value), num), torch.inf).scatter_reduce(1, index, value, "amin")
    high = value.new_full((len(value), num), -torch.inf).scatter_reduce(1, index, value, "amax")
    return low, high
