"""Whom PDM's proposals would overlap, now and if the ego went straight on for some steps more."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from drive.planning.futures import Futures
from drive.planning.idm_rollout import DT_S
from drive.planning.pdm.proposals import Proposals
from sim.geometry import box
from sim.interface import Observation


@dataclass(frozen=True)
class Overlaps:
    """Every (world, proposal, agent, instant) in which the boxes of ego and agent overlap, and both poses."""

    world: Int[Tensor, " m"]
    proposal: Int[Tensor, " m"]
    agent: Int[Tensor, " m"]
    instant: Int[Tensor, " m"]
    ego_pose: Float[Tensor, "m 3"]
    agent_pose: Float[Tensor, "m 3"]


def overlaps(
    observation: Observation, futures: Futures, proposals: Proposals, ahead: Sequence[int]
) -> dict[int, Overlaps]:
    """By steps `ahead`: the ego of every instant moved so far straight on, the others by then."""
    yaw = proposals.pose[..., 2:]
    step_m = DT_S * proposals.speed_mps.unsqueeze(-1) * torch.cat((yaw.cos(), yaw.sin()), dim=-1)
    moved_m = {steps: proposals.pose[..., :2] + steps * step_m for steps in ahead}
    agents, ego = observation.agents, observation.ego
    reach_m = box.circumradius_m(ego.size_m).unsqueeze(1) + box.circumradius_m(agents.size_m)
    keep = _ever_near(moved_m, futures, reach_m)
    world = torch.arange(len(keep), device=keep.device).unsqueeze(1)
    other, there, reach_sq = (x[world, keep] for x in (futures.pose, futures.valid, reach_m**2))
    other_x, other_y = (other[..., axis].contiguous() for axis in (0, 1))
    found = {}
    for steps, ego_m in moved_m.items():
        instants = slice(steps, steps + ego_m.shape[2])
        ego_x, ego_y = (ego_m[..., axis].unsqueeze(2) for axis in (0, 1))
        gap_sq = (ego_x - other_x[:, None, :, instants]) ** 2
        gap_sq += (ego_y - other_y[:, None, :, instants]) ** 2
        near = (gap_sq < reach_sq[:, None, :, None]) & there[:, None, :, instants]
        b, p, a, t = torch.nonzero(near, as_tuple=True)
        ego_pose = torch.cat((ego_m[b, p, t], yaw[b, p, t]), dim=-1)
        agent_pose, n = other[b, a, t + steps], keep[b, a]
        hit = box.overlaps(ego_pose, ego.size_m[b], agent_pose, agents.size_m[b, n])
        found[steps] = Overlaps(b[hit], p[hit], n[hit], t[hit], ego_pose[hit], agent_pose[hit])
    return found


def _ever_near(
    moved_m: dict[int, Float[Tensor, "b p t 2"]], futures: Futures, reach_m: Float[Tensor, "b n"]
) -> Int[Tensor, "b k"]:
    """Numbers that include everyone whom some proposal may meet: who enters a box around all of them."""
    place_m = futures.pose[..., :2]
    low = place_m.new_full((len(place_m), place_m.shape[2], 2), torch.inf)
    high = torch.full_like(low, -torch.inf)
    for steps, ego_m in moved_m.items():
        instants = slice(steps, steps + ego_m.shape[2])
        low[:, instants] = torch.minimum(low[:, instants], ego_m.amin(dim=1))
        high[:, instants] = torch.maximum(high[:, instants], ego_m.amax(dim=1))
    margin = reach_m[..., None, None]
    meets: Bool[Tensor, "b n t"] = (
        (place_m > low.unsqueeze(1) - margin) & (place_m < high.unsqueeze(1) + margin)
    ).all(dim=-1) & futures.valid
    meets_ever = meets.any(dim=-1)
    count = max(1, int(meets_ever.sum(dim=1).max()))
    return torch.argsort(meets_ever.int(), dim=1, descending=True, stable=True)[:, :count]
