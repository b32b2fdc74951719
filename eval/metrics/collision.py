"""Collisions of the ego with others, and whose fault they are (nuPlan's definitions)."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from eval.rollout import Rollout
from sim.geometry import box, se2
from sim.map_field import AreaBit
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


def is_behind(ego_pose: Float[Tensor, "*k 3"], agent_pose: Float[Tensor, "*k 3"]) -> Tensor:
    """Whether the agent's centre lies more than 150 degrees off the ego's heading."""
    delta = agent_pose[..., :2] - ego_pose[..., :2]
    bearing = torch.atan2(delta[..., 1], delta[..., 0]) - ego_pose[..., 2]
    return se2.wrap_angle(bearing).abs() > BEHIND_RAD


def at_fault(
    ego_pose: Float[Tensor, "*k 3"],
    ego_size_m: Float[Tensor, "*k 2"],
    ego_speed_mps: Float[Tensor, "*k"],
    ego_in_one_lane: Bool[Tensor, "*k"],
    agent_pose: Float[Tensor, "*k 3"],
    agent_size_m: Float[Tensor, "*k 2"],
    agent_speed_mps: Float[Tensor, "*k"],
) -> Bool[Tensor, "*k"]:
    """Whether a collision that begins now is the ego's fault.

    A stopped ego is never at fault. Otherwise: a stopped track always; a track behind never; the
    front edge of the ego in the track's box (active front) always; the rest is lateral, and at
    fault where the ego is not inside one lane.
    """
    half = torch.zeros_like(ego_pose)
    half[..., 0] = 0.5 * ego_size_m[..., 0]
    edge_size = torch.stack((torch.full_like(half[..., 0], _BUMPER_M), ego_size_m[..., 1]), dim=-1)
    front = box.overlaps(se2.compose(ego_pose, half), edge_size, agent_pose, agent_size_m)
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
    world = rollout.world
    pose = rollout.pose.transpose(1, 2)  # [b, n, t, 3]
    valid = rollout.valid.transpose(1, 2)
    ego, others = pose[:, :1], pose[:, 1:]
    reach = box.circumradius_m(world.size_m[..., :2])
    reach_sq = ((reach[:, :1] + reach[:, 1:]) ** 2).unsqueeze(-1)
    gap_sq = ((others[..., :2] - ego[..., :2]) ** 2).sum(-1)
    near = (gap_sq < reach_sq) & valid[:, 1:] & valid[:, :1]
    b, a, t = torch.nonzero(near, as_tuple=True)
    size = world.size_m[..., :2]
    hit = box.overlaps(pose[b, 0, t], size[b, 0], others[b, a, t], size[b, a + 1])
    b, a, t = b[hit], a[hit], t[hit]
    touching = torch.zeros_like(near)
    touching[b, a, t] = True
    begins = touching & (touching.cumsum(dim=-1) == 1) & ~touching[..., :1]
    b, a, t = torch.nonzero(begins, as_tuple=True)
    one_lane, in_junction = ego_lanes(rollout)
    speed = rollout.velocity_mps.norm(dim=-1).transpose(1, 2)
    fault = torch.zeros_like(begins)
    fault[b, a, t] = at_fault(
        pose[b, 0, t], size[b, 0], speed[b, 0, t], (one_lane & ~in_junction)[b, t],
        others[b, a, t], size[b, a + 1], speed[b, a + 1, t],
    )  # fmt: skip
    return Contacts(begins, fault)


def allowed_contacts(kind: Int[Tensor, "b a"]) -> Int[Tensor, "b a"]:
    """nuPlan's thresholds: no contact with road users, one with an object."""
    return (kind == _OBJECT).long()
