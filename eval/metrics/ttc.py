"""Time to collision: nuPlan's and NAVSIM's are different metrics under similar names."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from eval.metrics.collision import STOPPED_MPS, Contacts, ego_lanes, is_behind
from eval.rollout import Rollout
from sim.geometry import box
from sim.scenario import EGO

LEAST_TTC_S = 0.95
NUPLAN_STEP_S = 0.1
AHEAD_RAD = torch.pi * 30.0 / 180.0
NAVSIM_TIMES_S = (0.0, 0.3, 0.6, 0.9)


def nuplan_ttc_ok(rollout: Rollout, contacts: Contacts) -> Bool[Tensor, "b t"]:
    """Whether the time to collision exceeds 0.95 s at each instant.

    Ego and others go on at constant velocity in 0.1 s steps (those up to 0.95 s decide). Counted
    are tracks ahead (30 degrees to either side), and tracks at the side where the ego is in several
    lanes or in an intersection; never tracks behind, nor tracks that the ego has already touched.
    A stopped ego has no time to collision. Instants of an at-fault collision fail.
    """
    steps = int(LEAST_TTC_S / NUPLAN_STEP_S)
    times = torch.arange(1, steps + 1) * NUPLAN_STEP_S
    touched = contacts.begins.cumsum(dim=-1) > 0
    b, a, t = _closing_pairs(rollout, ~touched, float(times[-1]))
    ego, other = _states(rollout, b, t, a)
    hit = _straight_on_hits(rollout, b, a, ego, other, times)
    one_lane, junction = ego_lanes(rollout)
    delta = other[0][:, :2] - ego[0][:, :2]
    bearing = torch.atan2(delta[:, 1], delta[:, 0]) - ego[0][:, 2]
    ahead = torch.cos(bearing) >= torch.cos(torch.tensor(AHEAD_RAD))
    sideways = (~one_lane | junction)[b, t] & ~is_behind(ego[0], other[0])
    fails = hit & (ahead | sideways) & (ego[1].norm(dim=-1) > STOPPED_MPS)
    ok = ~(contacts.at_fault.any(dim=1))
    ok[b[fails], t[fails]] = False
    return ok


def navsim_ttc_ok(rollout: Rollout) -> Bool[Tensor, "b t"]:
    """Whether the ego, going straight on for 0, 0.3, 0.6, 0.9 s, meets nobody where they then are.

    The others are where they actually will be. Tracks behind the ego and a stopped ego do not
    count; after the end of the episode nothing does.
    """
    world, pose = rollout.world, rollout.pose
    size = world.size_m[..., :2]
    ok = torch.ones_like(rollout.active)
    instants = pose.shape[1]
    for ahead_s in NAVSIM_TIMES_S:
        shift = round(ahead_s / rollout.dt_s)
        now, then = slice(0, instants - shift), slice(shift, instants)
        velocity = rollout.velocity_mps[:, now, EGO]
        moved = pose[:, now, EGO].clone()
        moved[..., :2] += ahead_s * velocity
        others, valid = pose[:, then, 1:], rollout.valid[:, then, 1:]
        reach = box.circumradius_m(size)
        reach_sq = ((reach[:, :1] + reach[:, 1:]) ** 2).unsqueeze(1)
        near = ((others[..., :2] - moved[:, :, None, :2]) ** 2).sum(-1) < reach_sq
        b, t, a = torch.nonzero(near & valid, as_tuple=True)
        hit = box.overlaps(moved[b, t], size[b, 0], others[b, t, a], size[b, a + 1])
        hit &= velocity[b, t].norm(dim=-1) > STOPPED_MPS
        hit &= ~is_behind(moved[b, t], others[b, t, a])
        ok[b[hit], t[hit]] = False
    return ok


def _closing_pairs(rollout: Rollout, counts: Bool[Tensor, "b a t"], horizon_s: float) -> tuple:
    """Indices (b, a, t) of the others that could be reached within the horizon."""
    size = rollout.world.size_m[..., :2]
    reach = box.circumradius_m(size)
    reach = (reach[:, :1] + reach[:, 1:]).unsqueeze(-1)
    position = rollout.pose[..., :2].transpose(1, 2)
    relative = (
        rollout.velocity_mps.transpose(1, 2)[:, 1:] - rollout.velocity_mps[:, None, :, EGO]
    ).norm(dim=-1)
    gap = (position[:, 1:] - position[:, :1]).norm(dim=-1)
    valid = rollout.valid.transpose(1, 2)
    near = (gap < reach + horizon_s * relative) & valid[:, 1:] & valid[:, :1] & counts
    return torch.nonzero(near, as_tuple=True)


def _states(rollout: Rollout, b: Tensor, t: Tensor, a: Tensor) -> tuple:
    ego = rollout.pose[b, t, EGO], rollout.velocity_mps[b, t, EGO]
    return ego, (rollout.pose[b, t, a + 1], rollout.velocity_mps[b, t, a + 1])


def _straight_on_hits(
    rollout: Rollout, b: Tensor, a: Tensor, ego: tuple, other: tuple, times: Float[Tensor, " k"]
) -> Bool[Tensor, " n"]:
    size = rollout.world.size_m[..., :2]

    def moved(pose: Tensor, velocity: Tensor) -> Tensor:
        position = pose[:, None, :2] + times[:, None].to(pose.device) * velocity.unsqueeze(1)
        return torch.cat((position, pose[:, None, 2:].expand(-1, len(times), -1)), dim=-1)

    hit = box.overlaps(moved(*ego), size[b, :1], moved(*other), size[b, a + 1].unsqueeze(1))
    return hit.any(dim=1)
