"""`Detections`: what was found in a batch of sweeps, whoever found it."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float
from torch import Tensor

from sim.geometry.grid import BevGrid


@dataclass(frozen=True)
class Detections:
    """K boxes of each of B sweeps, the surest first: x, y, z of the centre, length, width, height, yaw.

    In the sweep's ego frame, z over the ground under the ego; headings may be wrong by half a turn.
    `score` is 0 to 1; where it is 0 there is no box.
    """

    box: Float[Tensor, "b k 7"]
    score: Float[Tensor, "b k"]


@runtime_checkable
class Detects(Protocol):
    """Whatever finds road users in sweeps."""

    def detect(
        self, point_m: Float[Tensor, "b p 3"], valid: Bool[Tensor, "b p"], grid: BevGrid
    ) -> Detections:
        """Those whose centres lie in `grid`, from points (z over the ground) where they are `valid`."""
        ...
