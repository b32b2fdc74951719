"""What is wrong at an instant, for every agent: collisions and leaving the road, full-size boxes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool
from torch import Tensor

from sim.geometry import box

if TYPE_CHECKING:
    from sim.world import World, WorldState


@dataclass(frozen=True)
class Events:
    """Flags `[B, N]`; False for agents that are not there."""

    collided: Bool[Tensor, "b n"]  # the box overlaps that of another agent
    offroad: Bool[Tensor, "b n"]  # some corner is off the drivable area


def detect(world: "World", state: "WorldState") -> Events:
    """Separating-axis test of every pair; distance field at every corner."""
    size = world.size_m[..., :2]
    apart = torch.eye(size.shape[1], dtype=torch.bool, device=size.device).logical_not()
    pairs = state.valid.unsqueeze(2) & state.valid.unsqueeze(1) & apart
    hit = box.overlaps(
        state.pose.unsqueeze(2), size.unsqueeze(2), state.pose.unsqueeze(1), size.unsqueeze(1)
    )
    corners = box.corners(state.pose, size)
    off = world.field.offroad_distance_m(corners).amax(dim=-1) > 0.0
    return Events(collided=(hit & pairs).any(dim=2), offroad=off & state.valid)
