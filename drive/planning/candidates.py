"""`Candidates`: what the ego might do, from a sampler to a cost to the plan."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.interface import Observation

HORIZON_S, DT_S = 5.0, 0.5  # of all samplers and costs
POINTS = round(HORIZON_S / DT_S)


def instants_s(device: torch.device) -> Float[Tensor, " t"]:
    """At which candidates have their entries, from now on."""
    return DT_S * torch.arange(1, POINTS + 1, device=device)


@dataclass(frozen=True)
class Candidates:
    """K trajectories of the ego a world, every `dt_s`, the first entry one `dt_s` from now; ego frame.

    `trajectory` holds x, y, yaw, speed and curvature, as a `Plan` does. `valid`: the ego's car can
    drive it; the others may hold anything.
    """

    trajectory: Float[Tensor, "b k t 5"]
    valid: Bool[Tensor, "b k"]
    dt_s: float = DT_S

    @property
    def num(self) -> int:
        """K."""
        return self.valid.shape[1]

    def take(self, index: Int[Tensor, "b m"]) -> "Candidates":
        """M of each world's."""
        row = torch.arange(len(index), device=index.device).unsqueeze(1)
        return replace(self, trajectory=self.trajectory[row, index], valid=self.valid[row, index])

    @staticmethod
    def joined(parts: "Sequence[Candidates]") -> "Candidates":
        """All of several samplers', in that order; they share a `dt_s`."""
        return Candidates(
            torch.cat([part.trajectory for part in parts], dim=1),
            torch.cat([part.valid for part in parts], dim=1),
            parts[0].dt_s,
        )


class Sampler(Protocol):
    """Proposes what the ego might do; `generator` for those that draw."""

    def __call__(
        self, observation: Observation, generator: torch.Generator | None = None
    ) -> Candidates: ...
