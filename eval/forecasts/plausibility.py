"""Whether forecast futures could come true: boxes that overlap, agents that leave the road.

Answers are `[b f n t]`: whether it has happened to an agent in a future by each instant. Rates are means
of them: `has_overlapped(...).any(dim=2).float().mean(dim=(0, 1))` is the share of joint futures in which
some two agents overlap, by horizon. What the recording itself does (as the one future) is the rate of a
perfect forecast, which need not be 0.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sim.geometry import box
from sim.maps.field import MapField


def has_overlapped(
    pose: Float[Tensor, "b f n t 3"],
    size_m: Float[Tensor, "b n 2"],
    valid: Bool[Tensor, "b n t"],
) -> Bool[Tensor, "b f n t"]:
    """Whether an agent's box has overlapped anybody else's of the same future, up to each instant.

    `size_m`: length and width. Touching does not count, nor who is not valid. The overlap rate of
    Waymo's motion challenge (Ettinger et al. 2021), but in all futures, and among forecast boxes alone.
    """
    pose, size_m = pose.transpose(2, 3), size_m[:, None, None]
    hit = box.overlaps(
        pose.unsqueeze(4), size_m.unsqueeze(4), pose.unsqueeze(3), size_m.unsqueeze(3)
    )
    there = valid.transpose(1, 2).unsqueeze(1)
    others = torch.eye(valid.shape[1], dtype=torch.bool, device=valid.device).logical_not()
    pairs = there.unsqueeze(4) & there.unsqueeze(3) & others
    return _has_happened((hit & pairs).any(dim=4).transpose(2, 3))


def has_left_road(
    position_m: Float[Tensor, "b f n t 2"], valid: Bool[Tensor, "b n t"], field: MapField
) -> Bool[Tensor, "b f n t"]:
    """Whether an agent's centre has been off the drivable area, up to each instant.

    `position_m` in the world frame. As nuScenes' `OffRoadRate` (devkit), which takes the centre too, but
    looks at a spline through the positions where this looks at the positions.
    """
    off_road = field.offroad_distance_m(position_m) > 0.0
    return _has_happened(off_road & valid.unsqueeze(1))


def _has_happened(event: Bool[Tensor, "*c t"]) -> Bool[Tensor, "*c t"]:
    return event.cumsum(dim=-1) > 0
