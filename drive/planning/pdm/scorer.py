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
from drive.planning.pdm.overlaps import Overlaps, overlaps
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
    looks = TTC_AHEAD_STEPS[1:] if rules.keeps_who_is_met else TTC_AHEAD_STEPS
    for future in futures:
        met = overlaps(observation, future, proposals, sorted({0, *looks}))
        collision, step = _collisions(met[0], observation, future, proposals, one_lane)
        ttc = _time_to_collision(
            {steps: met[steps] for steps in looks}, observation, proposals, rear,
            ~one_lane | junction, rules,
        )  # fmt: skip
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


def _collisions(
    met: Overlaps,
    observation: Observation,
    futures: Futures,
    proposals: Proposals,
    one_lane: Bool[Tensor, "b p t"],
) -> tuple[Tensor, Tensor]:
    """1, 0.5 (an object hit) or 0 for each proposal, and the step of the first at-fault contact."""
    agents, ego = observation.agents, observation.ego
    b, p, n, t = met.world, met.proposal, met.agent, met.instant
    shape = (*proposals.speed_mps.shape[:2], agents.valid.shape[1])
    first = torch.full(shape, _NEVER, device=t.device).view(-1)
    place = (b * shape[1] + p) * shape[2] + n
    first = first.scatter_reduce(0, place, t, "amin")
    begins = (first[place] == t) & (t > 0)  # who overlaps the ego now is left out
    b, p, n, t, place = b[begins], p[begins], n[begins], t[begins], place[begins]
    fault = at_fault(
        met.ego_pose[begins], ego.size_m[b], ego.wheelbase_m[b], proposals.speed_mps[b, p, t],
        one_lane[b, p, t],
        met.agent_pose[begins], agents.size_m[b, n],
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
    met_at: dict[int, Overlaps],
    observation: Observation,
    proposals: Proposals,
    rear: Float[Tensor, "b p t 3"],
    sideways_counts: Bool[Tensor, "b p t"],
    rules: PdmRules,
) -> Float[Tensor, "b p"]:
    """1 where nobody ahead would be hit within 0.9 s of going straight on, else 0."""
    shape = (*proposals.speed_mps.shape[:2], observation.agents.valid.shape[1])
    places, orders, counted = [], [], []
    for look, (steps, met) in enumerate(met_at.items()):
        b, p, n, t = met.world, met.proposal, met.agent, met.instant
        counts = is_ahead(rear[b, p, t], met.agent_pose)
        counts |= sideways_counts[b, p, t] & ~is_behind(rear[b, p, t], met.agent_pose)
        # Who overlaps the ego now is left out, so he is met before all others.
        at_once = (t == 0) & (steps == 0)
        moves = (proposals.speed_mps[b, p, t].abs() >= STOPPED_TTC_MPS) | at_once
        places.append(((b * shape[1] + p) * shape[2] + n)[moves])
        orders.append((t * len(met_at) + look)[moves])
        counted.append((counts & ~at_once)[moves])
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
