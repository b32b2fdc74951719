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


def detect(world: "World", state: "WorldState", agents: slice = slice(None)) -> Events:
    """Separating-axis test of each of `agents` with everyone; distance field at every corner."""
    size, pose, valid = world.size_m[..., :2], state.pose, state.valid
    apart = torch.eye(size.shape[1], dtype=torch.bool, device=size.device).logical_not()[agents]
    pairs = valid[:, agents].unsqueeze(2) & valid.unsqueeze(1) & apart
    hit = box.overlaps(
        pose[:, agents].unsqueeze(2), size[:, agents].unsqueeze(2),
        pose.unsqueeze(1), size.unsqueeze(1),
    )  # fmt: skip
    corners = box.corners(pose[:, agents], size[:, agents])
    off = world.field.offroad_distance_m(corners).amax(dim=-1) > 0.0
    return Events(collided=(hit & pairs).any(dim=2), offroad=off & valid[:, agents])
