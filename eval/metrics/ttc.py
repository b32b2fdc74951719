"""Time to collision: nuPlan's and NAVSIM's are different metrics under similar names."""

import torch
from torch import Tensor

from eval.metrics.courses import always
from eval.metrics.declaration import Curve, Failure, Metric
from eval.metrics.facts import Facts
from eval.metrics.family import MetricResult
from eval.metrics.sources import NAVSIM, NUPLAN
from eval.rollout import Rollout
from sim.contacts import STOPPED_TTC_MPS, is_ahead, is_behind
from sim.geometry import box
from sim.scenario import EGO

LEAST_TTC_S = 0.95
NUPLAN_STEP_S = 0.1
NAVSIM_TIMES_S = (0.0, 0.3, 0.6, 0.9)

NUPLAN_TIME_TO_COLLISION = Metric(
    "nuplan/time_to_collision", "Time to collision", NUPLAN, column="ttc",
    failure=Failure("Close call"), curve=Curve("Close call", "pass"),
)  # fmt: skip


def nuplan_time_to_collision(rollout: Rollout, facts: Facts) -> MetricResult:
    """1 where the time to collision exceeds 0.95 s at every instant, else 0.

    Ego and others go straight on along their headings with their speeds, objects stand; steps of
    0.1 s (those up to 0.95 s decide). Counted are tracks ahead, and tracks at the side where the ego
    is not in one lane or its rear axle is in an intersection; never tracks behind, nor tracks that the
    ego has ever touched. A stopped ego has no time to collision. Instants of an at-fault collision
    fail.
    """
    size = rollout.world.size_m[..., None, :2]
    pose, speed = rollout.pose.transpose(1, 2), facts.speed_mps.transpose(1, 2)
    valid = rollout.valid.transpose(1, 2)
    times = torch.arange(1, int(LEAST_TTC_S / NUPLAN_STEP_S) + 1, device=pose.device)
    moved = straight_on(pose, speed * (NUPLAN_STEP_S * times.reshape(-1, 1, 1, 1)))
    hit = box.overlaps(moved[:, :, :1], size[:, :1], moved[:, :, 1:], size[:, 1:]).any(dim=0)
    rear, others = facts.ego_rear.unsqueeze(1), pose[:, 1:]
    beside = (~facts.in_one_lane | facts.in_junction).unsqueeze(1) & ~is_behind(rear, others)
    moves = (facts.speed_mps[:, :, EGO] > STOPPED_TTC_MPS).unsqueeze(1)
    untouched = facts.touching.cumsum(dim=-1) == 0
    counts = (is_ahead(rear, others) | beside) & moves & untouched
    fails = hit & counts & valid[:, 1:] & valid[:, :1]
    return always(~(fails | facts.contact_at_fault).any(dim=1), rollout.active)


NAVSIM_TIME_TO_COLLISION = Metric("navsim/time_to_collision", "Time to collision (NAVSIM)", NAVSIM)


def navsim_time_to_collision(rollout: Rollout, facts: Facts) -> MetricResult:
    """1 where the ego, going straight on for 0, 0.3, 0.6, 0.9 s, never meets anyone where they then are.

    The others are where they actually will be. Whoever is met counts where he then is ahead of the
    ego's rear axle as it is now, or at the side where the ego is not in a single lane, off the road or
    in an intersection. Who is first met otherwise is left out from then on, as is who overlaps the ego
    at the start. A stopped ego meets nobody; after the end of the episode nothing counts.
    """
    pose, size = rollout.pose, rollout.world.size_m
    times = torch.tensor(NAVSIM_TIMES_S, device=pose.device)
    last = rollout.num_instants - 1
    then = torch.arange(last + 1, device=pose.device).unsqueeze(1)
    then = then + torch.round(times / rollout.dt_s).long()  # [t, k]
    there = then.clamp(max=last)
    speed = facts.speed_mps[:, :, EGO]
    ego = straight_on(pose[:, :, None, EGO], speed.unsqueeze(2) * times).unsqueeze(3)
    others, valid = pose[:, there, 1:], rollout.valid[:, there, 1:]
    size = size[:, None, None, :, :2]
    hit = box.overlaps(ego, size[..., :1, :], others, size[..., 1:, :]) & valid
    moves = rollout.active & (speed >= STOPPED_TTC_MPS)
    met = hit & (then <= last).unsqueeze(-1) & moves[:, :, None, None]
    met = met & ~facts.touching[:, None, None, :, 0]
    rear = facts.ego_rear[:, :, None, None]
    off_lane = ~facts.in_single_lane | (facts.offroad_m > 0.0) | facts.in_junction
    beside = off_lane[:, :, None, None] & ~is_behind(rear, others)
    counts = is_ahead(rear, others) | beside
    first = met & (met.flatten(1, 2).cumsum(dim=1) == 1).reshape(met.shape)
    return always(~(first & counts).any(dim=3).any(dim=2), rollout.active)


def straight_on(pose: Tensor, distance_m: Tensor) -> Tensor:
    """Poses `[..., 3]` a distance further on along their headings; shapes broadcast."""
    x, y, yaw = pose.unbind(-1)
    moved = (x + distance_m * torch.cos(yaw), y + distance_m * torch.sin(yaw))
    return torch.stack((*moved, yaw.expand(moved[0].shape)), dim=-1)
