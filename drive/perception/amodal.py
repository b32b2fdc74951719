"""Boxes of their true size: what a lidar sees of a car is its near side."""

import torch
from jaxtyping import Float
from torch import Tensor

from sim.geometry import box


def resized(
    boxes: Float[Tensor, "k 7"], size_m: Float[Tensor, "k 3"], sensor_m: Float[Tensor, "k 2"]
) -> Float[Tensor, "k 7"]:
    """Boxes of another length, width and height, of which the corner nearest to the sensor stays.

    That corner was seen; the far ones were guessed. The bottom stays as well. OYSTER, section 3.2.
    """
    pose = torch.cat((boxes[:, :2], boxes[:, 6:]), dim=1)
    corner = box.corners(pose, boxes[:, 3:5])
    nearest = (corner - sensor_m.unsqueeze(1)).norm(dim=-1).argmin(dim=1)
    row = torch.arange(len(boxes), device=boxes.device)
    unmoved = box.corners(pose, size_m[:, :2])[row, nearest]
    shift = corner[row, nearest] - unmoved
    bottom = boxes[:, 2] - 0.5 * boxes[:, 5]
    height = (bottom + 0.5 * size_m[:, 2]).unsqueeze(1)
    return torch.cat((boxes[:, :2] + shift, height, size_m, boxes[:, 6:]), dim=1)
