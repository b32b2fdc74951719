"""The Intelligent Driver Model's law of acceleration."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class IdmParams:
    """Parameters of Treiber, Hennecke and Helbing (2000)."""

    min_gap_m: float = 2.0
    headway_s: float = 1.5
    max_acceleration_mps2: float = 1.5
    braking_mps2: float = 3.0
    exponent: float = 4.0


def idm_acceleration(
    speed_mps: Tensor,
    desired_mps: Tensor,
    gap_m: Tensor,
    lead_speed_mps: Tensor,
    params: IdmParams,
    least_gap_m: float = 0.1,
    clamps_wanted_gap: bool = True,
) -> Tensor:
    """Acceleration behind a leader `gap_m` ahead (inf: nobody); all shapes broadcast.

    Treiber et al. 2000, eq. 1-2: a [1 - (v / v0)^delta - (s* / s)^2] with
    s* = s0 + max(0, v T + v dv / (2 sqrt(a b))). Smaller gaps count as `least_gap_m`; without
    `clamps_wanted_gap` the max is left out (who falls behind a faster leader then has a negative s*).
    """
    a, b = params.max_acceleration_mps2, params.braking_mps2
    approach = speed_mps * (speed_mps - lead_speed_mps) / (2.0 * (a * b) ** 0.5)
    moving = speed_mps * params.headway_s + approach
    wanted = params.min_gap_m + (moving.clamp(min=0.0) if clamps_wanted_gap else moving)
    free = 1.0 - (speed_mps / desired_mps.clamp(min=0.1)) ** params.exponent
    return a * (free - (wanted / gap_m.clamp(min=least_gap_m)) ** 2)
