"""Progress along the route, of the ego and of the recorded ego; several metrics use it."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from eval.rollout import Rollout
from sim.scenario import EGO


@dataclass(frozen=True)
class Progress:
    """Arc lengths along the ego's path: of the driven ego, and of the recorded one."""

    ego_s_m: Float[Tensor, "b t"]
    log_s_m: Float[Tensor, "b l"]

    @staticmethod
    def of(rollout: Rollout) -> "Progress":
        """Projected once for all metrics."""
        paths, log = rollout.world.paths, rollout.world.log
        return Progress(paths.ego_s_m(rollout.pose[:, :, EGO]), paths.ego_s_m(log.pose[:, EGO]))


def at_last(values: Float[Tensor, "b t"], counts: Bool[Tensor, "b t"]) -> Float[Tensor, " b"]:
    """The value at the last instant that counts."""
    last = (counts * torch.arange(counts.shape[1], device=counts.device)).amax(dim=1, keepdim=True)
    return torch.gather(values, 1, last).squeeze(1)
