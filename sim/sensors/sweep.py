"""What a spinning lidar measures in one revolution, and what each of its returns really is."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.short_repr import short_repr


@short_repr
@dataclass(frozen=True)
class LidarSweep:
    """One revolution: E beams (as in `LidarSpec.elevations_deg`) at A azimuths, where `hit`; else 0.

    `point_m` is in the ego frame (x ahead, y left, z over the ground under the ego) at the end of the
    sweep, uncorrected for motion during it, as a real sensor's raw returns are. `intensity` is 0 to 1.
    """

    range_m: Float[Tensor, "b e a"]
    point_m: Float[Tensor, "b e a 3"]
    intensity: Float[Tensor, "b e a"]
    hit: Bool[Tensor, "b e a"]


@short_repr
@dataclass(frozen=True)
class LabelledSweep(LidarSweep):
    """A simulated sweep and what only the simulator knows of it: for scoring, never for the driver."""

    agent: Int[Tensor, "b e a"]  # index into the world's agents; -1: none
    label: Int[Tensor, "b e a"]  # LidarClass
    cos_incidence: Float[Tensor, "b e a"]  # between the beam and the normal of what it hit

    @property
    def measured(self) -> LidarSweep:
        """What a real sensor would tell."""
        return LidarSweep(self.range_m, self.point_m, self.intensity, self.hit)
