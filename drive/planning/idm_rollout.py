"""IDM along the ego's route: speed profiles behind whoever is in the corridor, and before red."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.route_frame import (
    AgentsOnRoute,
    agents_along_route,
    curve_speed_mps,
    place_on_route,
)
from sim.interface import Observation
from sim.traffic.idm_law import IdmParams, idm_acceleration

DT_S = 0.1
STOP_SHORT_M = 1.0
LATERAL_MPS2 = 2.5
BRAKING_MPS2 = 2.0


@dataclass(frozen=True)
class RolloutRules:
    """How IDM is rolled out; the defaults are those of the published PDM-Closed.

    `hardest_braking_mps2`: the most behind someone; for a limit alone it is IDM's comfortable one.
    `slows_in_curves`: to 2.5 m/s2 across, and for the limits along the route; else the limit where
    the ego is now holds throughout. `side_margin_m`: in the way is who is nearer than this to the side.
    """

    hardest_braking_mps2: float = 3.0
    least_gap_m: float = 1.0
    clamps_wanted_gap: bool = False
    trapezoid: bool = False
    slows_in_curves: bool = False
    side_margin_m: float = 0.0


@dataclass(frozen=True)
class SpeedProfile:
    """Arc lengths and speeds of the ego's centre `[B, P, T + 1]`, the present included."""

    s_m: Float[Tensor, "b p t"]
    speed_mps: Float[Tensor, "b p t"]


def roll_out(
    observation: Observation,
    fractions: Float[Tensor, " p"],
    offsets_m: Float[Tensor, " p"],
    params: IdmParams,
    num_steps: int,
    rules: RolloutRules,
    agents: AgentsOnRoute | None = None,
    top_speed_mps: float = float("inf"),
) -> SpeedProfile:
    """P proposals: a fraction of the speed limit at a lateral offset from the route."""
    route, ego = observation.route, observation.ego
    agents = agents or agents_along_route(observation.agents, route, num_steps * DT_S)
    curve = curve_speed_mps(route, LATERAL_MPS2, BRAKING_MPS2)
    shape = (len(ego.speed_mps), len(fractions))
    s = route.ego_s_m.unsqueeze(1).expand(shape)
    speed = ego.speed_mps.clamp(min=0.0).unsqueeze(1).expand(shape)
    here = torch.round(s).clamp(0, curve.shape[1] - 1).long()
    limit_here = torch.gather(route.speed_limit_mps, 1, here) * fractions
    half_length = 0.5 * ego.size_m[:, :1]
    reach = 0.5 * ego.size_m[:, 1].reshape(-1, 1, 1) + rules.side_margin_m
    stop_s = route.stop_s_m.unsqueeze(1) - STOP_SHORT_M + params.min_gap_m
    all_s, all_speed = [s], [speed]
    for step in range(num_steps):
        other_s, offset, along, half_along, half_across = (
            f.unsqueeze(1) for f in agents.at(step * DT_S)
        )
        in_way = (offset - offsets_m[:, None]).abs() < reach + half_across
        in_way &= agents.valid.unsqueeze(1) & (other_s > s.unsqueeze(2))
        gap = torch.where(in_way, other_s - half_along - (s + half_length).unsqueeze(2), torch.inf)
        lead_gap, index = gap.min(dim=2) if gap.shape[2] else (torch.full_like(s, torch.inf), None)
        lead_speed = torch.zeros_like(s)
        if index is not None:
            lead_speed = torch.gather(along.expand(gap.shape), 2, index.unsqueeze(2)).squeeze(2)
            lead_speed = torch.where(lead_gap < torch.inf, lead_speed.clamp(min=0.0), 0.0)
        desired = limit_here
        if rules.slows_in_curves:
            at = torch.round(s).clamp(0, curve.shape[1] - 1).long()
            limit = torch.gather(route.speed_limit_mps, 1, at) * fractions
            desired = torch.minimum(limit, torch.gather(curve, 1, at))
        desired = desired.clamp(max=top_speed_mps)
        stop_gap = stop_s - s - half_length
        acceleration = torch.minimum(
            idm_acceleration(
                speed, desired, lead_gap, lead_speed, params,
                rules.least_gap_m, rules.clamps_wanted_gap,
            ),
            idm_acceleration(
                speed, desired, stop_gap, torch.zeros_like(s), params,
                rules.least_gap_m, rules.clamps_wanted_gap,
            ),
        )  # fmt: skip
        # Above the desired speed IDM brakes without bound; nobody needs that for a limit.
        over = (speed > desired) & ~(torch.minimum(lead_gap, stop_gap) < 60.0)
        hardest = torch.where(over, params.braking_mps2, rules.hardest_braking_mps2)
        acceleration = torch.maximum(acceleration, -hardest)
        next_speed = (speed + acceleration * DT_S).clamp(min=0.0)
        s = s + (0.5 * (speed + next_speed) if rules.trapezoid else speed) * DT_S
        speed = next_speed
        all_s.append(s)
        all_speed.append(speed)
    return SpeedProfile(torch.stack(all_s, dim=2), torch.stack(all_speed, dim=2))


def reference_poses(
    observation: Observation, profile: SpeedProfile, offsets_m: Float[Tensor, " p"]
) -> tuple[Tensor, Tensor]:
    """Poses `[B, P, T, 3]` and curvatures `[B, P, T]` of the profiles on the offset route.

    A car whose centre is on a bend points less far round it than the bend does there: the tangent is
    the heading of the course, and of the car only at its rear axle.
    """
    pose, curvature = place_on_route(observation.route, profile.s_m, offsets_m[:, None])
    wheelbase_m = observation.ego.wheelbase_m.reshape(-1, 1, 1)
    slip = torch.atan(0.5 * wheelbase_m * curvature)
    return torch.cat((pose[..., :2], pose[..., 2:] - slip.unsqueeze(-1)), dim=-1), curvature
