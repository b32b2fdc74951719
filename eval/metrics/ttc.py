"""Time to collision: nuPlan's and NAVSIM's are different metrics under similar names."""

import math

import torch
from torch import Tensor

from eval.metrics.courses import always
from eval.metrics.declaration import Curve, Failure, Metric
from eval.metrics.facts import Facts
from eval.metrics.family import MetricResult
from eval.metrics.sources import NAVSIM, NUPLAN
from eval.rollout import Rollout
from sim.contacts import STOPPED_MPS, is_behind
from sim.geometry import box
from sim.scenario import EGO

LEAST_TTC_S = 0.95
NUPLAN_STEP_S = 0.1
AHEAD_RAD = math.radians(30.0)
NAVSIM_TIMES_S = (0.0, 0.3, 0.6, 0.9)

NUPLAN_TIME_TO_COLLISION = Metric(
    "nuplan/time_to_collision", "Time to collision", NUPLAN, column="ttc",
    failure=Failure("Low TTC"), curve=Curve("TTC", "pass"),
)  # fmt: skip


def nuplan_time_to_collision(rollout: Rollout, facts: Facts) -> MetricResult:
    """1 where the time to collision exceeds 0.95 s at every instant, else 0.

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
    delta = others[..., :2] - ego[..., :2]
    bearing = torch.atan2(delta[..., 1], delta[..., 0]) - ego[..., 2]
    ahead = torch.cos(bearing) >= math.cos(AHEAD_RAD)
    beside = (~facts.in_one_lane | facts.in_junction).unsqueeze(1) & ~is_behind(ego, others)
    moves = (facts.speed_mps[:, :, EGO] > STOPPED_MPS).unsqueeze(1)
    untouched = facts.contact_begins.cumsum(dim=-1) == 0
    fails = hit & (ahead | beside) & moves & untouched & valid[:, 1:] & valid[:, :1]
    return always(~(fails | facts.contact_at_fault).any(dim=1), rollout.active)


NAVSIM_TIME_TO_COLLISION = Metric("navsim/time_to_collision", "Time to collision (NAVSIM)", NAVSIM)


def navsim_time_to_collision(rollout: Rollout, facts: Facts) -> MetricResult:
    """1 where the ego, going straight on for 0, 0.3, 0.6, 0.9 s, never meets anyone where they then are.

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
    moves = facts.speed_mps[:, :, EGO] > STOPPED_MPS
    return always(~(fails & moves), rollout.active)


def straight_on(pose: Tensor, velocity_mps: Tensor, time_s: Tensor) -> Tensor:
    """Poses `[..., 3]` after a time at constant velocity, heading unchanged; shapes broadcast."""
    position = pose[..., :2] + time_s * velocity_mps
    return torch.cat((position, pose[..., 2:].expand(*position.shape[:-1], 1)), dim=-1)
