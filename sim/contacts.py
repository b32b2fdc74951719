"""Contacts of the boxes: with one another, and with ground that is not road; and whose fault they are.

Environments, metrics and planners judge by the same rules: nuPlan's.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.compiling import materialize
from sim.dynamics.bicycle import rear_of
from sim.geometry import box, se2
from sim.world import World, WorldState

STOPPED_MPS = 0.05  # who is no faster stands
STOPPED_TTC_MPS = 0.005  # who is no faster has no time to collision
AHEAD_RAD = torch.pi * 30.0 / 180.0
BEHIND_RAD = torch.pi * 150.0 / 180.0


def collided(
    world: World, state: WorldState, agents: slice = slice(None)
) -> Bool[Tensor, "b agents"]:
    """Whether the box of each of `agents` overlaps that of anyone else; False for who is not there."""
    size, pose, valid = world.size_m[..., :2], state.pose, state.valid
    apart = torch.eye(size.shape[1], dtype=torch.bool, device=size.device).logical_not()[agents]
    pairs = valid[:, agents].unsqueeze(2) & valid.unsqueeze(1) & apart
    hit = box.overlaps(
        pose[:, agents].unsqueeze(2), size[:, agents].unsqueeze(2),
        pose.unsqueeze(1), size.unsqueeze(1),
    )  # fmt: skip
    (hit,) = materialize(hit & pairs)
    return hit.any(dim=2)


def offroad(
    world: World, state: WorldState, agents: slice = slice(None)
) -> Bool[Tensor, "b agents"]:
    """Whether some corner of each of `agents` is off the drivable area; False for who is not there."""
    corners = box.corners(state.pose[:, agents], world.size_m[:, agents, :2])
    off_m = world.field.offroad_distance_m(corners).amax(dim=-1)
    return (off_m > 0.0) & state.valid[:, agents]


def at_fault(
    ego_pose: Float[Tensor, "*a 3"],
    ego_size_m: Float[Tensor, "*b 2"],
    ego_wheelbase_m: Float[Tensor, "*h"],
    ego_speed_mps: Float[Tensor, "*c"],
    ego_in_one_lane: Bool[Tensor, "*d"],
    agent_pose: Float[Tensor, "*e 3"],
    agent_size_m: Float[Tensor, "*f 2"],
    agent_speed_mps: Float[Tensor, "*g"],
) -> Bool[Tensor, "*k"]:
    """Whether a collision that begins now is the ego's fault; shapes broadcast (nuPlan).

    A stopped ego is never at fault. Otherwise: a stopped track always; a track behind never; the
    front edge of the ego in the track's box (active front) always; the rest is lateral, and at
    fault where the ego is not inside one lane. Objects count as stopped: their speed has to be 0.
    """
    length, width = ego_size_m.unbind(-1)
    zero = torch.zeros_like(length)
    bumper = se2.compose(ego_pose, torch.stack((0.5 * length, zero, zero), dim=-1))
    edge_size = torch.stack((zero, width), dim=-1)
    front = box.overlaps(bumper, edge_size, agent_pose, agent_size_m)
    stopped_track = agent_speed_mps.abs() <= STOPPED_MPS
    lateral = ~front & ~ego_in_one_lane
    behind = is_behind(rear_of(ego_pose, ego_wheelbase_m), agent_pose)
    active = ~behind & (front | lateral)
    return (ego_speed_mps.abs() > STOPPED_MPS) & (stopped_track | active)


def is_behind(rear_pose: Float[Tensor, "*a 3"], agent_pose: Float[Tensor, "*b 3"]) -> Tensor:
    """Whether the agent's centre lies more than 150 degrees off the heading, seen from the ego's rear
    axle (nuPlan).
    """
    return _bearing_rad(rear_pose, agent_pose) > BEHIND_RAD


def is_ahead(rear_pose: Float[Tensor, "*a 3"], agent_pose: Float[Tensor, "*b 3"]) -> Tensor:
    """Whether it lies less than 30 degrees off the heading (nuPlan)."""
    return _bearing_rad(rear_pose, agent_pose) < AHEAD_RAD


def _bearing_rad(rear_pose: Tensor, agent_pose: Tensor) -> Tensor:
    delta = agent_pose[..., :2] - rear_pose[..., :2]
    bearing = torch.atan2(delta[..., 1], delta[..., 0]) - rear_pose[..., 2]
    return se2.wrap_angle(bearing).abs()


def in_one_lane(corner_lane_bits: Int[Tensor, "*k 4"]) -> Bool[Tensor, "*k"]:
    """Whether some lane holds all four corners, or the corners touch at most one lane (NAVSIM, PDM).

    nuPlan's own rule is another one: `sim.maps.driven_lanes.in_common_or_connected`.
    `corner_lane_bits`: the lanes under each corner, as `MapField.lane_bits_at` gives them.
    """
    front_left, rear_left, rear_right, front_right = corner_lane_bits.unbind(-1)
    all_in = front_left & rear_left & rear_right & front_right
    any_in = front_left | rear_left | rear_right | front_right
    at_most_one = (any_in & (any_in - 1)) == 0
    return (all_in != 0) | at_most_one
