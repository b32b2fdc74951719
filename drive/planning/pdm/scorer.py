"""PDM-Closed's score of its proposals among what the others are taken to do (Dauner et al. 2023).

score = no collision * drivable area * direction * (5 progress + 5 TTC + 2 comfort) / 12

Among several futures: the mean of the scores in each, weighted by their probabilities. What the others do
may hang on the proposal: then each is scored in futures of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from drive.planning.futures import Futures
from drive.planning.idm_rollout import DT_S
from drive.planning.oncoming import ONCOMING_M, against_flow_m
from drive.planning.pdm.proposals import Proposals
from drive.planning.pdm.rules import PdmRules
from drive.planning.route_frame import project
from eval.metrics.comfort import comfortable
from sim import comfort, trees
from sim.contacts import STOPPED_TTC_MPS, at_fault, in_one_lane, is_ahead, is_behind
from sim.dynamics.bicycle import rear_of
from sim.geometry import box
from sim.interface import EgoMap, Observation
from sim.maps.lane_bits import AreaBit
from sim.scenario import AgentKind

TTC_AHEAD_STEPS = (0, 3, 6, 9)  # of 0.1 s
FURTHEST_AHEAD = TTC_AHEAD_STEPS[-1]
_NEVER = 10_000


@dataclass(frozen=True)
class Scores:
    """`total`, and when in each future the first at-fault collision begins (`_NEVER`: it does not)."""

    total: Float[Tensor, "b p"]
    collision_step: Int[Tensor, "b p f"]


def score(
    observation: Observation,
    futures: Sequence[Futures],
    probability: Float[Tensor, "w f"],
    proposals: Proposals,
    rules: PdmRules,
) -> Scores:
    """Score every proposal; `futures`: F of the others every `DT_S`, `FURTHEST_AHEAD` further.

    w = b: whatever the ego does; w = b * p: if it does the first proposal of world 0, the second, ...
    """
    hd_map = observation.map
    assert hd_map is not None
    corners = box.corners(proposals.pose, observation.ego.size_m[:, None, None])
    off = hd_map.offroad_distance_m(corners).amax(dim=-1)
    one_lane = in_one_lane(hd_map.lane_bits(corners)) & (off <= 0.0)
    rear = rear_of(proposals.pose, observation.ego.wheelbase_m.reshape(-1, 1, 1))
    junction = (hd_map.area_bits(rear[..., :2]) & AreaBit.INTERSECTION) != 0
    already = off[..., :1].clamp(min=0.0) if rules.grace_off_road else 0.0
    drivable = (off <= already + rules.offroad_tolerance_m).all(dim=-1).float()
    wrong = _against_flow_m if rules.direction_by_flow else _off_route_m
    on_road = drivable * _direction(wrong(hd_map, proposals))
    gained_m = _gained_m(observation, proposals)
    fine = _comfort(observation, proposals, rules)
    shape = (len(gained_m), -1, len(futures))
    if len(probability) > len(gained_m):
        observation, proposals = _one_by_one(observation, proposals)
        rear, one_lane, junction = (
            x.flatten(0, 1).unsqueeze(1) for x in (rear, one_lane, junction)
        )
    totals, steps = [], []
    for future in futures:
        collision, step = _collisions(observation, future, proposals, one_lane)
        ttc = _time_to_collision(observation, future, proposals, rear, ~one_lane | junction, rules)
        gates = collision.view_as(on_road) * on_road
        progress = _progress(gained_m, gates, rules)
        totals.append(gates * (5.0 * progress + 5.0 * ttc.view_as(fine) + 2.0 * fine) / 12.0)
        steps.append(step.view(gained_m.shape))
    mean = (torch.stack(totals, dim=2) * probability.view(shape)).sum(dim=2)
    return Scores(mean, torch.stack(steps, dim=2))


def _one_by_one(observation: Observation, proposals: Proposals) -> tuple[Observation, Proposals]:
    """Each proposal as the only one of a world of its own; who is there, not the map."""
    count = proposals.speed_mps.shape[1]
    world = torch.arange(len(proposals.speed_mps), device=proposals.speed_mps.device)
    world = world.repeat_interleave(count)
    agents, ego = trees.take(observation.agents, world), trees.take(observation.ego, world)
    alone = trees.map_tensors(lambda tensor: tensor.flatten(0, 1).unsqueeze(1), proposals)
    return replace(observation, agents=agents, ego=ego), alone


def _near_pairs(
    observation: Observation, futures: Futures, proposals: Proposals, steps: int
) -> tuple[Tensor, ...]:
    """Overlapping (world, proposal, agent, instant): the ego moved `steps` straight on, others by then."""
    agents, ego = observation.agents, observation.ego
    instants = slice(steps, steps + proposals.speed_mps.shape[2])
    yaw = proposals.pose[..., 2]
    ahead = steps * DT_S * proposals.speed_mps
    ego_x = proposals.pose[..., 0] + ahead * torch.cos(yaw)
    ego_y = proposals.pose[..., 1] + ahead * torch.sin(yaw)
    reach = box.circumradius_m(ego.size_m).unsqueeze(1) + box.circumradius_m(agents.size_m)
    other, there = futures.pose[:, :, instants], futures.valid[:, :, instants]
    keep = _ever_near(ego_x, ego_y, other[..., :2], reach, there)
    world = torch.arange(len(keep), device=keep.device).unsqueeze(1)
    other, there, reach = other[world, keep], there[world, keep], reach[world, keep]
    gap_sq = (ego_x.unsqueeze(2) - other[:, None, ..., 0]) ** 2
    gap_sq += (ego_y.unsqueeze(2) - other[:, None, ..., 1]) ** 2
    near = (gap_sq < (reach**2)[:, None, :, None]) & there.unsqueeze(1)
    b, p, a, t = torch.nonzero(near, as_tuple=True)
    n = keep[b, a]
    ego_pose = torch.stack((ego_x[b, p, t], ego_y[b, p, t], yaw[b, p, t]), dim=-1)
    agent_pose = other[b, a, t]
    hit = box.overlaps(ego_pose, ego.size_m[b], agent_pose, agents.size_m[b, n])
    return b[hit], p[hit], n[hit], t[hit], ego_pose[hit], agent_pose[hit]


def _ever_near(
    ego_x: Tensor, ego_y: Tensor, other: Tensor, reach: Tensor, there: Bool[Tensor, "b n t"]
) -> Tensor:
    """Indices `[B, K]` that include every agent some proposal may meet (boxes of all proposals)."""
    low = torch.stack((ego_x.amin(dim=1), ego_y.amin(dim=1)), dim=-1).unsqueeze(1)
    high = torch.stack((ego_x.amax(dim=1), ego_y.amax(dim=1)), dim=-1).unsqueeze(1)
    margin = reach[..., None, None]
    meets = ((other > low - margin) & (other < high + margin)).all(-1) & there
    meets = meets.any(-1)
    count = max(1, int(meets.sum(dim=1).max()))
    return torch.argsort(meets.int(), dim=1, descending=True, stable=True)[:, :count]


def _collisions(
    observation: Observation,
    futures: Futures,
    proposals: Proposals,
    one_lane: Bool[Tensor, "b p t"],
) -> tuple[Tensor, Tensor]:
    """1, 0.5 (an object hit) or 0 for each proposal, and the step of the first at-fault contact."""
    agents, ego = observation.agents, observation.ego
    b, p, n, t, ego_pose, agent_pose = _near_pairs(observation, futures, proposals, 0)
    shape = (*proposals.speed_mps.shape[:2], agents.valid.shape[1])
    first = torch.full(shape, _NEVER, device=t.device).view(-1)
    place = (b * shape[1] + p) * shape[2] + n
    first = first.scatter_reduce(0, place, t, "amin")
    begins = (first[place] == t) & (t > 0)  # who overlaps the ego now is left out
    b, p, n, t, place = b[begins], p[begins], n[begins], t[begins], place[begins]
    fault = at_fault(
        ego_pose[begins], ego.size_m[b], ego.wheelbase_m[b], proposals.speed_mps[b, p, t],
        one_lane[b, p, t],
        agent_pose[begins], agents.size_m[b, n],
        futures.velocity_mps[b, n, t].norm(dim=-1) * (agents.kind[b, n] != AgentKind.OBJECT),
    )  # fmt: skip
    blame = torch.full_like(first, _NEVER)
    blame[place[fault]] = t[fault]
    blame = blame.view(shape)
    with_object = (agents.kind == AgentKind.OBJECT).unsqueeze(1)
    road_user = ((blame < _NEVER) & ~with_object).any(dim=2)
    objects = ((blame < _NEVER) & with_object).any(dim=2)
    value = torch.where(road_user, 0.0, torch.where(objects, 0.5, 1.0))
    never = torch.full((*shape[:2], 1), _NEVER, device=blame.device)  # where there is nobody at all
    return value, torch.cat((blame, never), dim=2).amin(dim=2)


def _time_to_collision(
    observation: Observation,
    futures: Futures,
    proposals: Proposals,
    rear: Float[Tensor, "b p t 3"],
    sideways_counts: Bool[Tensor, "b p t"],
    rules: PdmRules,
) -> Float[Tensor, "b p"]:
    """1 where nobody ahead would be hit within 0.9 s of going straight on, else 0."""
    shape = (*proposals.speed_mps.shape[:2], observation.agents.valid.shape[1])
    wanted = TTC_AHEAD_STEPS[1:] if rules.keeps_who_is_met else TTC_AHEAD_STEPS
    places, orders, counted = [], [], []
    for look, steps in enumerate(wanted):
        b, p, n, t, _, agent_pose = _near_pairs(observation, futures, proposals, steps)
        counts = is_ahead(rear[b, p, t], agent_pose)
        counts |= sideways_counts[b, p, t] & ~is_behind(rear[b, p, t], agent_pose)
        # Who overlaps the ego now is left out, so he is met before all others.
        at_once = (t == 0) & (steps == 0)
        met = (proposals.speed_mps[b, p, t].abs() >= STOPPED_TTC_MPS) | at_once
        places.append(((b * shape[1] + p) * shape[2] + n)[met])
        orders.append((t * len(wanted) + look)[met])
        counted.append((counts & ~at_once)[met])
    place, order, counts = torch.cat(places), torch.cat(orders), torch.cat(counted)
    if not rules.keeps_who_is_met:  # whom the ego meets first while he does not count is dropped
        first = torch.full((shape[0] * shape[1] * shape[2],), _NEVER, device=place.device)
        first = first.scatter_reduce(0, place, order, "amin")
        counts = counts & (first[place] == order)
    value = torch.ones(shape[0] * shape[1], device=place.device)
    value[torch.div(place, max(shape[2], 1), rounding_mode="floor")[counts]] = 0.0
    return value.reshape(shape[:2])


def _direction(wrong_m: Float[Tensor, "b p"]) -> Float[Tensor, "b p"]:
    """1, 0.5, 0 for less than 2 m, less than 6 m, more, driven the wrong way."""
    return torch.where(wrong_m < ONCOMING_M[0], 1.0, torch.where(wrong_m < ONCOMING_M[1], 0.5, 0.0))


def _against_flow_m(hd_map: EgoMap, proposals: Proposals) -> Float[Tensor, "b p"]:
    """The most that is driven against the lanes within 1 s."""
    return against_flow_m(hd_map, proposals.pose, proposals.speed_mps, DT_S)


def _off_route_m(hd_map: EgoMap, proposals: Proposals) -> Float[Tensor, "b p"]:
    """The longest contiguous stretch with the centre off the lanes of the route."""
    place = proposals.pose[..., :2]
    off = (hd_map.area_bits(place) & AreaBit.ROUTE) == 0
    step_m = torch.nn.functional.pad(place.diff(dim=2).norm(dim=-1), (1, 0))
    driven = torch.where(off, step_m, 0.0).cumsum(dim=2)
    before = torch.where(off, 0.0, driven).cummax(dim=2).values
    return (driven - before).amax(dim=2)


def _gained_m(observation: Observation, proposals: Proposals) -> Float[Tensor, "b p"]:
    """Metres gained along the route."""
    s, _, _ = project(observation.route, proposals.pose[:, :, -1, :2])
    return (s - observation.route.ego_s_m.unsqueeze(1)).clamp(min=0.0)


def _progress(
    gained_m: Float[Tensor, "b p"], gates: Float[Tensor, "b p"], rules: PdmRules
) -> Float[Tensor, "b p"]:
    """Progress over the best that passes its gates; where none gets 0.1 m far, 1."""
    best = (gained_m * gates).amax(dim=1, keepdim=True)
    own, none = gained_m * gates, (gates > 0.0).float()
    if rules.progress_ungated:
        own, none = gained_m, torch.ones_like(gates)
    return torch.where(best > 0.1, own / best.clamp(min=0.1), none).clamp(max=1.0)


def _comfort(
    observation: Observation, proposals: Proposals, rules: PdmRules
) -> Float[Tensor, "b p"]:
    """nuPlan's bounds on the simulated drive."""
    if rules.comfort_of_half_seconds:
        return _comfort_of_half_seconds(observation, proposals)
    along = proposals.acceleration_mps2.flatten(0, 1)
    # The published bicycle has no acceleration across.
    fine = comfortable(
        along, torch.zeros_like(along), proposals.pose[..., 2].flatten(0, 1), None, DT_S,
        one_polynomial=True,
    )  # fmt: skip
    return fine.all(dim=1).reshape(proposals.speed_mps.shape[:2]).float()


def _comfort_of_half_seconds(
    observation: Observation, proposals: Proposals
) -> Float[Tensor, "b p"]:
    """The bounds on the motion itself; jerk over half a second."""
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
