"""Tags of who is around the ego: traffic, people on foot, things on the road."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sim.scenario import AgentKind
from sim.tags.recorded import Recorded
from sim.tags.tag import Tag

VEHICLE, PEDESTRIAN = int(AgentKind.VEHICLE), int(AgentKind.PEDESTRIAN)
OBJECT = int(AgentKind.OBJECT)
MOVING_MPS = 0.5


def _count(who: Bool[Tensor, "a t"]) -> Tensor:
    return who.sum(dim=0)


def _near_multiple(r: Recorded) -> Bool[Tensor, " t"]:
    near = r.of_kind(VEHICLE) & (r.gap_m < 8.0) & (r.other_speed_mps > MOVING_MPS)
    return (_count(near) > 6) & (r.speed_mps > 6.0)


def _stationary_in_traffic(r: Recorded) -> Bool[Tensor, " t"]:
    return (_count(r.of_kind(VEHICLE) & (r.gap_m < 8.0)) > 6) & (r.speed_mps.abs() < 0.1)


def _dense(r: Recorded) -> Bool[Tensor, " t"]:
    near = r.of_kind(VEHICLE) & r.has_route.unsqueeze(1) & (r.pose[..., :2].norm(dim=-1) < 40.0)
    return _count(near) >= 10


def _walks_near(r: Recorded, distance_m: float) -> Bool[Tensor, "a t"]:
    return r.of_kind(PEDESTRIAN) & (r.gap_m < distance_m) & (r.pose[..., 0] > 0.0)


def _near_pedestrian(r: Recorded) -> Bool[Tensor, " t"]:
    return _walks_near(r, 5.0).any(dim=0) & (r.speed_mps > MOVING_MPS)


def _on_crosswalk(r: Recorded) -> Bool[Tensor, " t"]:
    return (_walks_near(r, 30.0) & r.others_on_crosswalk).any(dim=0)


def _waiting(r: Recorded) -> Bool[Tensor, " t"]:
    """Somebody is less than 1.5 s from the strip that the ego sweeps, or in it."""
    side = (r.pose[..., 1].abs() - 1.0).clamp(min=0.0)
    towards = -torch.sign(r.pose[..., 1]) * r.velocity_mps[..., 1]
    soon = (side == 0.0) | ((towards > 0.1) & (side < 1.5 * towards))
    return (_walks_near(r, 8.0) & soon).any(dim=0) & (r.speed_mps > 0.1)


def _crossed_by(r: Recorded, kind: int) -> Bool[Tensor, " t"]:
    x, y = r.pose[..., 0], r.pose[..., 1]
    before = (x > 0.0) & (x < 30.0) & (y.abs() < 2.0)
    across = torch.sin(r.pose[..., 2]).abs() >= math.sin(math.radians(30.0))
    moves: Float[Tensor, "a t"] = r.velocity_mps[..., 1].abs()
    return (r.of_kind(kind) & before & across & (moves > MOVING_MPS)).any(dim=0)


TAGS = (
    Tag("dense_traffic", "10 or more vehicles that drive within 40 m", _dense),
    Tag("near_multiple_vehicles", "above 6 m/s, more than 6 moving vehicles within 8 m", _near_multiple),
    Tag("stationary_in_traffic", "stands with more than 6 vehicles within 8 m", _stationary_in_traffic),
    Tag("crossed_by_vehicle", "a vehicle passes across less than 30 m ahead",
        lambda r: _crossed_by(r, VEHICLE)),
    Tag("near_pedestrian", "moves with somebody on foot less than 5 m away, not behind",
        _near_pedestrian),
    Tag("near_pedestrian_on_crosswalk", "somebody on foot on a crosswalk less than 30 m away, not behind",
        _on_crosswalk),
    Tag("waiting_for_pedestrian_to_cross",
        "moves; somebody on foot less than 8 m away is in its way, or will be within 1.5 s", _waiting),
    Tag("near_obstacle_on_driveable", "a cone, barrier or the like less than 5 m away, not behind",
        lambda r: (r.of_kind(OBJECT) & (r.gap_m < 5.0) & (r.pose[..., 0] > 0.0)).any(dim=0)),
)  # fmt: skip
