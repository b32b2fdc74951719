"""The Intelligent Driver Model's law of acceleration."""

from dataclasses import dataclass

from torch import Tensor

from sim.compiling import materialize


@dataclass(frozen=True)
class IdmParams:
    """Parameters of Treiber, Hennecke and Helbing (2000): of all drivers, or one by one as tensors."""

    min_gap_m: float | Tensor = 2.0
    headway_s: float | Tensor = 1.5
    max_acceleration_mps2: float | Tensor = 1.5
    braking_mps2: float | Tensor = 3.0
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
    crowding = crowding_of(speed_mps, gap_m, lead_speed_mps, params, least_gap_m, clamps_wanted_gap)
    return kept_back(speed_mps, desired_mps, crowding, params)


def crowding_of(
    speed_mps: Tensor,
    gap_m: Tensor,
    lead_speed_mps: Tensor,
    params: IdmParams,
    least_gap_m: float = 0.1,
    clamps_wanted_gap: bool = True,
) -> Tensor:
    """s* / s of `idm_acceleration`. Of several leaders the one that crowds most decides."""
    wanted = wanted_gap_m(speed_mps, lead_speed_mps, params, clamps_wanted_gap)
    return wanted / gap_m.clamp(min=least_gap_m)


def wanted_gap_m(
    speed_mps: Tensor, lead_speed_mps: Tensor, params: IdmParams, clamps: bool = True
) -> Tensor:
    """s* of `idm_acceleration`."""
    gentle = (params.max_acceleration_mps2 * params.braking_mps2) ** 0.5
    approach = speed_mps * (speed_mps - lead_speed_mps) / (2.0 * gentle)
    moving = speed_mps * params.headway_s + approach
    return params.min_gap_m + (moving.clamp(min=0.0) if clamps else moving)


def kept_back(
    speed_mps: Tensor, desired_mps: Tensor, crowding: Tensor, params: IdmParams
) -> Tensor:
    """Acceleration of `idm_acceleration` where s* / s is `crowding`; 0: nobody is ahead."""
    free = 1.0 - (speed_mps / desired_mps.clamp(min=0.1)) ** params.exponent
    (free,) = materialize(free)  # once for all who are ahead
    return params.max_acceleration_mps2 * (free - crowding**2)
