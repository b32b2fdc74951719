"""Collisions of the ego with others, and whose fault they are (nuPlan's definitions)."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from eval.rollout import Rollout
from sim.geometry import box, se2
from sim.maps.lane_bits import AreaBit
from sim.scenario import EGO, AgentKind

STOPPED_MPS = 0.05
BEHIND_RAD = torch.pi * 150.0 / 180.0
# Plain ints: compiled, a tensor compared with an enum's member is silently False.
_OBJECT, _INTERSECTION = int(AgentKind.OBJECT), int(AreaBit.INTERSECTION)
_BUMPER_M = 0.02  # thickness of the front edge when it is tested against a box


@dataclass(frozen=True)
class Contacts:
    """First contacts `[B, A, T]` between the ego and each other agent, and those at its fault."""

    begins: Bool[Tensor, "b a t"]
    at_fault: Bool[Tensor, "b a t"]


def is_behind(ego_pose: Float[Tensor, "*a 3"], agent_pose: Float[Tensor, "*b 3"]) -> Tensor:
    """Whether the agent's centre lies more than 150 degrees off the ego's heading."""
    delta = agent_pose[..., :2] - ego_pose[..., :2]
    bearing = torch.atan2(delta[..., 1], delta[..., 0]) - ego_pose[..., 2]
    return se2.wrap_angle(bearing).abs() > BEHIND_RAD


def at_fault(
    ego_pose: Float[Tensor, "*a 3"],
    ego_size_m: Float[Tensor, "*b 2"],
    ego_speed_mps: Float[Tensor, "*c"],
    ego_in_one_lane: Bool[Tensor, "*d"],
    agent_pose: Float[Tensor, "*e 3"],
    agent_size_m: Float[Tensor, "*f 2"],
    agent_speed_mps: Float[Tensor, "*g"],
) -> Bool[Tensor, "*k"]:
    """Whether a collision that begins now is the ego's fault; shapes broadcast.

    A stopped ego is never at fault. Otherwise: a stopped track always; a track behind never; the
    front edge of the ego in the track's box (active front) always; the rest is lateral, and at
    fault where the ego is not inside one lane.
    """
    length, width = ego_size_m.unbind(-1)
    zero = torch.zeros_like(length)
    bumper = se2.compose(ego_pose, torch.stack((0.5 * length, zero, zero), dim=-1))
    edge_size = torch.stack((torch.full_like(length, _BUMPER_M), width), dim=-1)
    front = box.overlaps(bumper, edge_size, agent_pose, agent_size_m)
    stopped_track = agent_speed_mps.abs() <= STOPPED_MPS
    lateral = ~front & ~ego_in_one_lane
    active = ~is_behind(ego_pose, agent_pose) & (front | lateral)
    return (ego_speed_mps.abs() > STOPPED_MPS) & (stopped_track | active)


def in_one_lane(lane_bits: Int[Tensor, "*k 4"]) -> Bool[Tensor, "*k"]:
    """Whether some lane holds all four corners, or the corners touch at most one lane."""
    all_in = lane_bits[..., 0] & lane_bits[..., 1] & lane_bits[..., 2] & lane_bits[..., 3]
    any_in = lane_bits[..., 0] | lane_bits[..., 1] | lane_bits[..., 2] | lane_bits[..., 3]
    at_most_one = (any_in & (any_in - 1)) == 0
    return (all_in != 0) | at_most_one


def ego_lanes(rollout: Rollout) -> tuple[Bool[Tensor, "b t"], Bool[Tensor, "b t"]]:
    """Whether the ego is inside one lane, and whether it is in an intersection, `[B, T]`."""
    world = rollout.world
    corners = box.corners(rollout.pose[:, :, EGO], world.size_m[:, None, EGO, :2])
    bits = world.field.lane_bits_at(corners)
    areas = world.field.area_bits_at(rollout.pose[:, :, EGO, :2])
    return in_one_lane(bits), (areas & _INTERSECTION) != 0


def find_contacts(rollout: Rollout) -> Contacts:
    """The first overlap of the ego with every other agent; each agent collides once.

    Overlaps that exist at the first instant come from the recording and are not counted, nor is
    anything later with that agent.
    """
    size = rollout.world.size_m[..., None, :2]
    pose = rollout.pose.transpose(1, 2)  # [b, n, t, 3]
    valid = rollout.valid.transpose(1, 2)
    ego, others = pose[:, :1], pose[:, 1:]
    touching = box.overlaps(ego, size[:, :1], others, size[:, 1:]) & valid[:, 1:] & valid[:, :1]
    begins = touching & (touching.cumsum(dim=-1) == 1) & ~touching[..., :1]
    one_lane, in_junction = ego_lanes(rollout)
    speed = rollout.velocity_mps.norm(dim=-1).transpose(1, 2)
    fault = at_fault(
        ego, size[:, :1], speed[:, :1], (one_lane & ~in_junction).unsqueeze(1),
        others, size[:, 1:], speed[:, 1:],
    )  # fmt: skip
    return Contacts(begins, begins & fault)


def allowed_contacts(kind: Int[Tensor, "b a"]) -> Int[Tensor, "b a"]:
    """nuPlan's thresholds: no contact with road users, one with an object."""
    return (kind == _OBJECT).long()
