"""Tags of how the ego itself moves."""

import torch
from jaxtyping import Bool
from torch import Tensor

from sim.tags.junctions import turns
from sim.tags.recorded import Recorded
from sim.tags.tag import Tag

STANDING_MPS = 0.1
MOVING_MPS = 0.5


def _high_lateral_acceleration(r: Recorded) -> Bool[Tensor, " t"]:
    across = (r.speed_mps * r.yaw_rate_radps).abs()
    straight = ~turns(r, -torch.inf, -0.5) & ~turns(r, 0.5, torch.inf)
    return (across > 1.5) & (across < 3.0) & (r.yaw_rate_radps.abs() > 0.1) & straight


def _changing_lane(r: Recorded) -> Bool[Tensor, " t"]:
    """From the lane that it was last in to one beside it."""
    lane = r.lane
    instant = torch.arange(len(lane), device=lane.device)
    seen = torch.where(lane >= 0, instant, -1).cummax(dim=0).values
    before = torch.nn.functional.pad(seen, (1, 0), value=-1)[:-1]
    old, new = lane[before.clamp(min=0)].clamp(min=0), lane.clamp(min=0)
    beside = (r.block[old] == r.block[new]) & ~r.follows[old, new] & ~r.follows[new, old]
    plain = ~r.is_connector[old] & ~r.is_connector[new]
    return (before >= 0) & (lane >= 0) & (old != new) & beside & plain


TAGS = (
    Tag("stationary", "the ego stands (below 0.1 m/s) for 5 s",
        lambda r: r.speed_mps.abs() < STANDING_MPS, 5.0),
    Tag("high_magnitude_speed", "above 9 m/s at less than 0.5 m/s² for 1 s",
        lambda r: (r.speed_mps > 9.0) & (r.acceleration_mps2.abs() < 0.5), 1.0),
    Tag("low_magnitude_speed", "between 0.3 and 1.2 m/s for 1 s",
        lambda r: (r.speed_mps > 0.3) & (r.speed_mps < 1.2), 1.0),
    Tag("high_lateral_acceleration",
        "1.5 to 3 m/s² to the side, above 0.1 rad/s, in no turn of a junction",
        _high_lateral_acceleration),
    Tag("high_magnitude_jerk", "the acceleration changes by 5 m/s² within a second",
        lambda r: r.jerk_mps3.abs() >= 5.0),
    Tag("hard_braking", "braking harder than 3 m/s²", lambda r: r.acceleration_mps2 < -3.0),
    Tag("changing_lane", "from one lane to another beside it", _changing_lane),
)  # fmt: skip
