"""MOBIL: whether to change lanes, by the accelerations of those concerned (Kesting et al. 2007)."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

THRESHOLD_MPS2 = 0.2
SAFE_BRAKING_MPS2 = (2.0, 4.0)  # that may be asked of others: at leisure; where the chance ends
HURRY_M = 100.0  # from the end of a chance to change


@dataclass(frozen=True)
class Accelerations:
    """Of the driver, its follower on the lane it would change to, and the one on its own lane."""

    own: Float[Tensor, "*k"]
    new_follower: Float[Tensor, "*k"]
    old_follower: Float[Tensor, "*k"]


def incentive_mps2(
    before: Accelerations, after: Accelerations, politeness: Float[Tensor, "*k"]
) -> Float[Tensor, "*k"]:
    """Kesting et al. 2007, eq. 6: what the driver gains, and p times what the others gain."""
    others = after.new_follower - before.new_follower + after.old_follower - before.old_follower
    return after.own - before.own + politeness * others


def is_safe(after: Accelerations, braking_mps2: Float[Tensor, "*k"]) -> Bool[Tensor, "*k"]:
    """Eq. 2: the new follower need not brake harder than that; nor, here, the driver itself."""
    return (after.new_follower >= -braking_mps2) & (after.own >= -braking_mps2)


def safe_braking_mps2(left_m: Float[Tensor, "*k"]) -> Float[Tensor, "*k"]:
    """What may be asked of others `left_m` before the end of a chance to change; inf: no hurry."""
    leisure, hurry = SAFE_BRAKING_MPS2
    return hurry + (leisure - hurry) * (left_m / HURRY_M).clamp(0.0, 1.0)
