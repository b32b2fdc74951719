"""PDM-Closed's score of its proposals against constant-velocity forecasts (Dauner et al. 2023).

score = no collision * drivable area * direction * (5 progress + 5 TTC + 2 comfort) / 12
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.planning.idm_rollout import DT_S
from drive.planning.pdm.proposals import Proposals
from drive.planning.route_frame import project
from sim import comfort
from sim.contacts import STOPPED_MPS, at_fault, in_one_lane, is_behind
from sim.dynamics.bicycle import rear_of
from sim.geometry import box
from sim.interface import EgoMap, Observation
from sim.maps.lane_bits import AreaBit
from sim.scenario import AgentKind

TTC_AHEAD_S = (0.3, 0.6, 0.9)
OFFROAD_TOLERANCE_M = 0.05
ONCOMING_M = (2.0, 6.0)  # within 1 s: half the score, none of it
_NEVER = 10_000


@dataclass(frozen=True)
class Scores:
    """`total [B, P]` and when the first at-fault collision begins (`_NEVER`: it does not)."""

    total: Float[Tensor, "b p"]
    collision_step: Tensor


def score(observation: Observation, proposals: Proposals) -> Scores:
    """Score every proposal."""
    hd_map = observation.map
    assert hd_map is not None
    corners = box.corners(proposals.pose, observation.ego.size_m[:, None, None])
    one_lane = in_one_lane(hd_map.lane_bits(corners))
    centers = proposals.pose[..., :2]
    inside = (hd_map.area_bits(centers) & AreaBit.INTERSECTION) != 0
    collision, collision_step = _collisions(observation, proposals, one_lane & ~inside)
    ttc = _time_to_collision(observation, proposals, ~one_lane | inside)
    off = hd_map.offroad_distance_m(corners).amax(dim=-1)
    # Who is off the road already is not asked to be on it at once.
    already = off[..., :1].clamp(min=0.0)
    drivable = (off <= already + OFFROAD_TOLERANCE_M).all(dim=-1).float()
    gates = collision * drivable * _direction(hd_map, proposals)
    progress = _progress(observation, proposals)
    best = (progress * gates).amax(dim=1, keepdim=True)
    progress = torch.where(best > 0.1, progress / best.clamp(min=0.1), 1.0).clamp(max=1.0)
    total = gates * (5.0 * progress + 5.0 * ttc + 2.0 * _comfort(observation, proposals)) / 12.0
    return Scores(total, collision_step)


def _near_pairs(
    observation: Observation, proposals: Proposals, ahead_s: float
) -> tuple[Tensor, ...]:
    """Overlapping (world, proposal, agent, instant) with everyone moved `ahead_s` straight on."""
    agents, ego = observation.agents, observation.ego
    instants = proposals.speed_mps.shape[2]
    time = torch.arange(instants, device=agents.pose.device) * DT_S + ahead_s
    yaw = proposals.pose[..., 2]
    ahead = ahead_s * proposals.speed_mps
    ego_x = proposals.pose[..., 0] + ahead * torch.cos(yaw)
    ego_y = proposals.pose[..., 1] + ahead * torch.sin(yaw)
    reach = box.circumradius_m(ego.size_m).unsqueeze(1) + box.circumradius_m(agents.size_m)
    other = agents.pose[:, :, None, :2] + time[:, None] * agents.velocity_mps.unsqueeze(2)
    keep = _ever_near(ego_x, ego_y, other, reach, agents.valid)
    world = torch.arange(len(keep), device=keep.device).unsqueeze(1)
    other, reach = other[world, keep], reach[world, keep]
    gap_sq = (ego_x.unsqueeze(2) - other[:, None, ..., 0]) ** 2
    gap_sq += (ego_y.unsqueeze(2) - other[:, None, ..., 1]) ** 2
    near = (gap_sq < (reach**2)[:, None, :, None]) & agents.valid[world, keep][:, None, :, None]
    b, p, a, t = torch.nonzero(near, as_tuple=True)
    n = keep[b, a]
    ego_pose = torch.stack((ego_x[b, p, t], ego_y[b, p, t], yaw[b, p, t]), dim=-1)
    agent_pose = torch.cat((other[b, a, t], agents.pose[b, n, 2:]), dim=-1)
    hit = box.overlaps(ego_pose, ego.size_m[b], agent_pose, agents.size_m[b, n])
    return b[hit], p[hit], n[hit], t[hit], ego_pose[hit], agent_pose[hit]


def _ever_near(
    ego_x: Tensor, ego_y: Tensor, other: Tensor, reach: Tensor, valid: Bool[Tensor, "b n"]
) -> Tensor:
    """Indices `[B, K]` that include every agent some proposal may meet (boxes of all proposals)."""
    low = torch.stack((ego_x.amin(dim=1), ego_y.amin(dim=1)), dim=-1).unsqueeze(1)
    high = torch.stack((ego_x.amax(dim=1), ego_y.amax(dim=1)), dim=-1).unsqueeze(1)
    margin = reach[..., None, None]
    meets = ((other > low - margin) & (other < high + margin)).all(-1).any(-1) & valid
    count = max(1, int(meets.sum(dim=1).max()))
    return torch.argsort(meets.int(), dim=1, descending=True, stable=True)[:, :count]


def _collisions(
    observation: Observation, proposals: Proposals, one_lane: Bool[Tensor, "b p t"]
) -> tuple[Tensor, Tensor]:
    """1, 0.5 (an object hit) or 0 for each proposal, and the step of the first at-fault contact."""
    agents, ego = observation.agents, observation.ego
    b, p, n, t, ego_pose, agent_pose = _near_pairs(observation, proposals, 0.0)
    shape = (*proposals.speed_mps.shape[:2], agents.valid.shape[1])
    first = torch.full(shape, _NEVER, device=t.device).view(-1)
    place = (b * shape[1] + p) * shape[2] + n
    first = first.scatter_reduce(0, place, t, "amin")
    begins = (first[place] == t) & (t > 0)
    b, p, n, t, place = b[begins], p[begins], n[begins], t[begins], place[begins]
    fault = at_fault(
        ego_pose[begins], ego.size_m[b], ego.wheelbase_m[b], proposals.speed_mps[b, p, t], one_lane[b, p, t],
        agent_pose[begins], agents.size_m[b, n], agents.velocity_mps[b, n].norm(dim=-1),
    )  # fmt: skip
    blame = torch.full_like(first, _NEVER)
    blame[place[fault]] = t[fault]
    blame = blame.view(shape)
    with_object = (agents.kind == AgentKind.OBJECT).unsqueeze(1)
    road_user = ((blame < _NEVER) & ~with_object).any(dim=2)
    objects = ((blame < _NEVER) & with_object).sum(dim=2)
    value = torch.where(road_user, 0.0, (1.0 - 0.5 * objects).clamp(min=0.0))
    never = torch.full((*shape[:2], 1), _NEVER, device=blame.device)  # where there is nobody at all
    return value, torch.cat((blame, never), dim=2).amin(dim=2)


def _time_to_collision(
    observation: Observation, proposals: Proposals, sideways_counts: Bool[Tensor, "b p t"]
) -> Float[Tensor, "b p"]:
    """1 where nobody ahead would be hit within 0.9 s of going straight on, else 0."""
    value = torch.ones_like(proposals.speed_mps[..., 0])
    for ahead_s in TTC_AHEAD_S:
        b, p, _, t, ego_pose, agent_pose = _near_pairs(observation, proposals, ahead_s)
        delta = agent_pose[:, :2] - ego_pose[:, :2]
        bearing = torch.atan2(delta[:, 1], delta[:, 0]) - ego_pose[:, 2]
        in_front = torch.cos(bearing) > 0.866
        counts = (in_front | sideways_counts[b, p, t]) & ~is_behind(
            rear_of(ego_pose, observation.ego.wheelbase_m[b]), agent_pose
        )
        counts &= proposals.speed_mps[b, p, t] > STOPPED_MPS
        value[b[counts], p[counts]] = 0.0
    return value


def _direction(hd_map: EgoMap, proposals: Proposals) -> Float[Tensor, "b p"]:
    """Distance driven against the lanes within 1 s: 1 below 2 m, 0.5 below 6 m, else 0."""
    on_lane, along = hd_map.lane_flow(proposals.pose[..., :2], proposals.pose[..., 2])
    against_m = torch.where(on_lane & ~along, proposals.speed_mps * DT_S, 0.0)
    window = round(1.0 / DT_S)
    worst = against_m.unfold(2, window, 1).sum(-1).amax(dim=2)
    return torch.where(worst < ONCOMING_M[0], 1.0, torch.where(worst < ONCOMING_M[1], 0.5, 0.0))


def _progress(observation: Observation, proposals: Proposals) -> Float[Tensor, "b p"]:
    """Metres gained along the route."""
    s, _, _ = project(observation.route, proposals.pose[:, :, -1, :2])
    return (s - observation.route.ego_s_m.unsqueeze(1)).clamp(min=0.0)


def _comfort(observation: Observation, proposals: Proposals) -> Float[Tensor, "b p"]:
    """nuPlan's bounds on the simulated drive; jerk over half a second."""
    wheelbase = observation.ego.wheelbase_m.reshape(-1, 1, 1)
    yaw_rate = proposals.speed_mps * torch.tan(proposals.steering_rad) / wheelbase
    lateral = proposals.speed_mps * yaw_rate
    along = proposals.acceleration_mps2
    jerk = (along[..., 5:] - along[..., :-5]) / (5 * DT_S)
    yaw_acceleration = (yaw_rate[..., 5:] - yaw_rate[..., :-5]) / (5 * DT_S)
    hardest, strongest = comfort.ACCELERATION_MPS2
    fine = (along[..., 1:] > hardest).all(-1) & (along[..., 1:] < strongest).all(-1)
    for values, bound in (
        (lateral, comfort.LATERAL_ACCELERATION_MPS2),
        (jerk, comfort.LONGITUDINAL_JERK_MPS3),
        (yaw_rate, comfort.YAW_RATE_RADPS),
        (yaw_acceleration, comfort.YAW_ACCELERATION_RADPS2),
    ):
        fine &= (values.abs() < bound).all(-1)
    return fine.float()
