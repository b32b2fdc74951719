"""Time to collision: nuPlan's and NAVSIM's are different metrics under similar names."""

import math

import torch
from jaxtyping import Bool
from torch import Tensor

from eval.metrics.collision import STOPPED_MPS, Contacts, ego_lanes, is_behind
from eval.rollout import Rollout
from sim.geometry import box
from sim.scenario import EGO

LEAST_TTC_S = 0.95
NUPLAN_STEP_S = 0.1
AHEAD_RAD = math.radians(30.0)
NAVSIM_TIMES_S = (0.0, 0.3, 0.6, 0.9)


def nuplan_ttc_ok(rollout: Rollout, contacts: Contacts) -> Bool[Tensor, "b t"]:
    """Whether the time to collision exceeds 0.95 s at each instant.

    Ego and others go on at constant velocity in 0.1 s steps (those up to 0.95 s decide). Counted
    are tracks ahead (30 degrees to either side), and tracks at the side where the ego is in several
    lanes or in an intersection; never tracks behind, nor tracks that the ego has already touched.
    A stopped ego has no time to collision. Instants of an at-fault collision fail.
    """
    size = rollout.world.size_m[..., None, :2]
    pose, velocity = rollout.pose.transpose(1, 2), rollout.velocity_mps.transpose(1, 2)
    valid = rollout.valid.transpose(1, 2)
    ego, others = pose[:, :1], pose[:, 1:]
    hit = torch.zeros_like(contacts.begins)
    for k in range(1, int(LEAST_TTC_S / NUPLAN_STEP_S) + 1):
        moved = straight_on(pose, velocity, k * NUPLAN_STEP_S)
        hit = hit | box.overlaps(moved[:, :1], size[:, :1], moved[:, 1:], size[:, 1:])
    one_lane, junction = ego_lanes(rollout)
    delta = others[..., :2] - ego[..., :2]
    bearing = torch.atan2(delta[..., 1], delta[..., 0]) - ego[..., 2]
    ahead = torch.cos(bearing) >= math.cos(AHEAD_RAD)
    sideways = (~one_lane | junction).unsqueeze(1) & ~is_behind(ego, others)
    moves = velocity[:, :1].norm(dim=-1) > STOPPED_MPS
    untouched = contacts.begins.cumsum(dim=-1) == 0
    fails = hit & (ahead | sideways) & moves & untouched & valid[:, 1:] & valid[:, :1]
    return ~(fails | contacts.at_fault).any(dim=1)


def navsim_ttc_ok(rollout: Rollout) -> Bool[Tensor, "b t"]:
    """Whether the ego, going straight on for 0, 0.3, 0.6, 0.9 s, meets nobody where they then are.

    The others are where they actually will be. Tracks behind the ego and a stopped ego do not
    count; after the end of the episode nothing does.
    """
    size, instants = rollout.world.size_m[:, None, :, :2], rollout.num_instants
    velocity = rollout.velocity_mps[:, :, EGO]
    fails = torch.zeros_like(rollout.active)
    for ahead_s in NAVSIM_TIMES_S:
        shift = min(round(ahead_s / rollout.dt_s), instants)
        ego = straight_on(rollout.pose[:, :, EGO], velocity, ahead_s)
        ego = ego[:, : instants - shift].unsqueeze(2)
        others, valid = rollout.pose[:, shift:, 1:], rollout.valid[:, shift:, 1:]
        hit = box.overlaps(ego, size[:, :, :1], others, size[:, :, 1:]) & valid
        hit = (hit & ~is_behind(ego, others)).any(dim=2)
        fails = fails | torch.cat((hit, torch.zeros_like(fails[:, :shift])), dim=1)
    return ~(fails & (velocity.norm(dim=-1) > STOPPED_MPS))


def straight_on(pose: Tensor, velocity_mps: Tensor, time_s: float) -> Tensor:
    """Poses `[..., 3]` after a time at constant velocity, heading unchanged."""
    return torch.cat((pose[..., :2] + time_s * velocity_mps, pose[..., 2:]), dim=-1)
