"""Where tracks were: the last H instants of a simulation's own step, whenever somebody looked."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.perception.online_tracker import Tracks
from sim.geometry import se2


@dataclass(frozen=True)
class TrackMemory:
    """Of each of N places of tracks, in their frame, at H instants, the present last.

    Between two looks it is in proportion. Before a track began nothing is valid.
    """

    pose: Float[Tensor, "b n h 3"]
    velocity_mps: Float[Tensor, "b n h 2"]
    valid: Bool[Tensor, "b n h"]

    @staticmethod
    def begin(tracks: Tracks, instants: int) -> "TrackMemory":
        """Of nobody."""
        shape = (*tracks.id.shape, instants)
        pose = tracks.pose.new_zeros(*shape, 3)
        return TrackMemory(pose, pose[..., :2], pose[..., 0].bool())

    def then(self, before: Tracks, after: Tracks, steps: int) -> "TrackMemory":
        """`steps` later, when the tracks that were `before` are `after`."""
        lasted = before.valid & after.valid & (before.id == after.id)
        share = torch.arange(1, steps + 1, device=lasted.device) / steps
        moved = after.pose - before.pose
        moved = torch.cat((moved[..., :2], se2.wrap_angle(moved[..., 2:])), dim=-1)
        pose = before.pose.unsqueeze(2) + share.unsqueeze(1) * moved.unsqueeze(2)
        velocity = torch.lerp(
            before.velocity_mps.unsqueeze(2), after.velocity_mps.unsqueeze(2), share.unsqueeze(1)
        )
        # Of who is new there is but the last of them.
        there = lasted.unsqueeze(2) | (after.valid.unsqueeze(2) & (share == 1.0))
        new = ~lasted[..., None, None]
        pose = torch.where(new, after.pose.unsqueeze(2), pose)
        velocity = torch.where(new, after.velocity_mps.unsqueeze(2), velocity)
        last = slice(-self.valid.shape[2], None)
        return TrackMemory(
            pose=torch.cat((self.pose, pose), dim=2)[:, :, last],
            velocity_mps=torch.cat((self.velocity_mps, velocity), dim=2)[:, :, last],
            valid=torch.cat((self.valid & lasted.unsqueeze(2), there), dim=2)[:, :, last],
        )
