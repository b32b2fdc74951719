"""Tags of who drives, rides or walks ahead of the ego in its own way."""

import torch
from jaxtyping import Bool
from torch import Tensor

from sim.scenario import AgentKind
from sim.tags.recorded import IN_LANE_M, Recorded
from sim.tags.tag import Tag

VEHICLE, CYCLIST = int(AgentKind.VEHICLE), int(AgentKind.CYCLIST)
PEDESTRIAN = int(AgentKind.PEDESTRIAN)
CUT_IN_S = 1.0


def _behind(r: Recorded, kind: int, gap_m: float) -> Bool[Tensor, " t"]:
    lead = r.is_lead & r.of_kind(kind) & (r.ahead_m < gap_m)
    return lead.any(dim=0) & (r.speed_mps > 0.5)


def _behind_pedestrian(r: Recorded) -> Bool[Tensor, " t"]:
    """Whichever way he goes."""
    near = r.of_kind(PEDESTRIAN) & (r.ahead_m > 0.0) & (r.ahead_m < 18.0)
    return (near & (r.offset_m.abs() <= IN_LANE_M)).any(dim=0) & (r.speed_mps > 0.5)


def _following(r: Recorded) -> Bool[Tensor, " t"]:
    lead = r.is_lead & r.of_kind(VEHICLE) & (r.ahead_m < 7.5) & (r.other_speed_mps > 3.5)
    return lead.any(dim=0) & (r.speed_mps > 3.5)


def _following_slow(r: Recorded) -> Bool[Tensor, " t"]:
    lead = r.is_lead & r.of_kind(VEHICLE) & (r.ahead_m < 35.0) & (r.other_speed_mps < 4.0)
    return (lead & (r.speed_mps - r.other_speed_mps >= 2.0)).any(dim=0)


def _stopping(r: Recorded) -> Bool[Tensor, " t"]:
    """Within a second of the last braking: nobody brakes hard any more below 0.3 m/s."""
    lead = (r.is_lead & r.of_kind(VEHICLE) & (r.ahead_m < 6.0)).any(dim=0)
    steps = max(1, round(1.0 / r.dt_s))
    brakes = torch.nn.functional.pad((r.acceleration_mps2 < -0.6).long(), (steps, 0)).cumsum(dim=0)
    lately = (brakes[steps:] - torch.nn.functional.pad(brakes, (1, 0))[: len(lead)]) > 0
    return lead & lately & (r.speed_mps.abs() < 0.3)


def _behind_long(r: Recorded) -> Bool[Tensor, " t"]:
    long = r.of_kind(VEHICLE) & (r.size_m[:, :1] > 8.0) & (r.offset_m.abs() < 0.5)
    return (r.is_lead & long & (r.ahead_m > 3.0) & (r.ahead_m < 10.0)).any(dim=0)


def _cut_in(r: Recorded) -> Bool[Tensor, " t"]:
    """Somebody who was beside the way a second ago is the lead now."""
    steps = max(1, round(CUT_IN_S / r.dt_s))
    beside = r.others & (r.offset_m.abs() > IN_LANE_M) & (r.offset_m.abs() < 6.0)
    before = torch.nn.functional.pad(beside.long(), (steps, 0))[:, : beside.shape[1]] > 0
    lead = r.is_lead & r.of_kind(VEHICLE) & (r.ahead_m < 20.0) & (r.other_speed_mps > 1.0)
    return (lead & before).any(dim=0) & (r.speed_mps > 3.0)


TAGS = (
    Tag("following_lane_with_lead", "above 3.5 m/s, less than 7.5 m behind a car that is as well",
        _following),
    Tag("following_lane_with_slow_lead",
        "2 m/s or more faster than a car below 4 m/s, less than 35 m ahead", _following_slow),
    Tag("stopping_with_lead",
        "comes to stand (below 0.3 m/s, braking 0.6 m/s² within the last second) less than 6 m behind a car",
        _stopping),
    Tag("behind_long_vehicle", "3 to 10 m behind a vehicle longer than 8 m, within 0.5 m of its middle",
        _behind_long),
    Tag("behind_bike", "moves less than 25 m behind a cyclist in its way",
        lambda r: _behind(r, CYCLIST, 25.0)),
    Tag("behind_pedestrian_on_driveable", "moves less than 18 m towards somebody on foot in its way",
        _behind_pedestrian),
    Tag("cut_in", "above 3 m/s, a moving car comes from beside into its way, less than 20 m ahead",
        _cut_in),
)  # fmt: skip
