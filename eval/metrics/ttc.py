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
    times = torch.arange(1, int(LEAST_TTC_S / NUPLAN_STEP_S) + 1, device=pose.device)
    moved = straight_on(pose, velocity, NUPLAN_STEP_S * times.reshape(-1, 1, 1, 1, 1))
    hit = box.overlaps(moved[:, :, :1], size[:, :1], moved[:, :, 1:], size[:, 1:]).any(dim=0)
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
    pose, velocity, size = rollout.pose, rollout.velocity_mps[:, :, EGO], rollout.world.size_m
    times = torch.tensor(NAVSIM_TIMES_S, device=pose.device)
    last = rollout.num_instants - 1
    then = torch.arange(last + 1, device=pose.device).unsqueeze(1)
    then = then + torch.round(times / rollout.dt_s).long()  # [t, k]
    there = then.clamp(max=last)
    ego = straight_on(pose[:, :, None, EGO], velocity.unsqueeze(2), times[:, None]).unsqueeze(3)
    others, valid = pose[:, there, 1:], rollout.valid[:, there, 1:]
    size = size[:, None, None, :, :2]
    hit = box.overlaps(ego, size[..., :1, :], others, size[..., 1:, :]) & valid
    hit = (hit & ~is_behind(ego, others)).any(dim=3)
    fails = (hit & (then <= last)).any(dim=2)
    return ~(fails & (velocity.norm(dim=-1) > STOPPED_MPS))


def straight_on(pose: Tensor, velocity_mps: Tensor, time_s: Tensor) -> Tensor:
    """Poses `[..., 3]` after a time at constant velocity, heading unchanged; shapes broadcast."""
    position = pose[..., :2] + time_s * velocity_mps
    return torch.cat((position, pose[..., 2:].expand(*position.shape[:-1], 1)), dim=-1)
