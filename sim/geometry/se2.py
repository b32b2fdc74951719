"""Planar rigid transforms. A pose is `[..., 3]`: x, y in metres, yaw in radians.

`a_SE2_b` maps coordinates of frame b to frame a; inner frames cancel:
`compose(world_SE2_map, map_SE2_ego)` is `world_SE2_ego`.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def wrap_angle(angle_rad: Tensor) -> Tensor:
    """The same angle in [-pi, pi)."""
    return torch.remainder(angle_rad + math.pi, 2.0 * math.pi) - math.pi


def rotate(points: Float[Tensor, "*p 2"], yaw_rad: Float[Tensor, "*y"]) -> Tensor:
    """`points` turned counter-clockwise by `yaw_rad` (broadcast against the leading axes)."""
    cos, sin = torch.cos(yaw_rad), torch.sin(yaw_rad)
    x, y = points[..., 0], points[..., 1]
    return torch.stack((cos * x - sin * y, sin * x + cos * y), dim=-1)


def compose(a_SE2_b: Float[Tensor, "*a 3"], b_SE2_c: Float[Tensor, "*b 3"]) -> Tensor:
    """`a_SE2_c`, shapes broadcast."""
    position_m = a_SE2_b[..., :2] + rotate(b_SE2_c[..., :2], a_SE2_b[..., 2])
    yaw_rad = wrap_angle(a_SE2_b[..., 2] + b_SE2_c[..., 2])
    return torch.cat((position_m, yaw_rad.unsqueeze(-1)), dim=-1)


def inverse(a_SE2_b: Float[Tensor, "*a 3"]) -> Tensor:
    """`b_SE2_a`."""
    position_m = rotate(-a_SE2_b[..., :2], -a_SE2_b[..., 2])
    return torch.cat((position_m, -a_SE2_b[..., 2:]), dim=-1)


def transform_points(a_SE2_b: Float[Tensor, "*a 3"], b_points: Float[Tensor, "*b 2"]) -> Tensor:
    """Points of frame b in frame a; the leading axes of both broadcast (unsqueeze the pose first)."""
    return a_SE2_b[..., :2] + rotate(b_points, a_SE2_b[..., 2])
