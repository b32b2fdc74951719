"""The Intelligent Driver Model's law of acceleration."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class IdmParams:
    """Parameters of Treiber, Hennecke and Helbing (2000): of all drivers, or one by one as tensors."""

    min_gap_m: float | Tensor = 2.0
    headway_s: float | Tensor = 1.5
    max_acceleration_mps2: float | Tensor = 1.5
    braking_mps2: float | Tensor = 3.0
    exponent: float = 4.0


def idm_acceleration(
    speed_mps: Tensor, desired_mps: Tensor, gap_m: Tensor, lead_speed_mps: Tensor, params: IdmParams
) -> Tensor:
    """Acceleration behind a leader `gap_m` ahead (inf: nobody); all shapes broadcast.

    Treiber et al. 2000, eq. 1-2: a [1 - (v / v0)^delta - (s* / s)^2] with
    s* = s0 + max(0, v T + v dv / (2 sqrt(a b))). Gaps below 0.1 m count as 0.1 m.
    """
    a, b = params.max_acceleration_mps2, params.braking_mps2
    approach = speed_mps * (speed_mps - lead_speed_mps) / (2.0 * (a * b) ** 0.5)
    wanted = params.min_gap_m + (speed_mps * params.headway_s + approach).clamp(min=0.0)
    free = 1.0 - (speed_mps / desired_mps.clamp(min=0.1)) ** params.exponent
    return a * (free - (wanted / gap_m.clamp(min=0.1)) ** 2)
