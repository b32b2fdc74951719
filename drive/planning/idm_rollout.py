"""IDM along the ego's route: speed profiles behind whoever is in the corridor, and before red."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from drive.planning.route_frame import (
    AgentsOnRoute,
    agents_along_route,
    curve_speed_mps,
    place_on_route,
)
from sim.interface import Observation, RouteAhead
from sim.traffic.idm_law import IdmParams, crowding_of, kept_back

DT_S = 0.1
STOP_SHORT_M = 1.0
LATERAL_MPS2 = 2.5
BRAKING_MPS2 = 2.0


@dataclass(frozen=True)
class RolloutRules:
    """How IDM is rolled out; the defaults are those of the published PDM-Closed."""

    step_s: float = DT_S
    others_stand: bool = False
    """everyone else stays where he is now, and keeps his speed all the same; else he moves on"""
    hardest_braking_mps2: float = 3.0
    """behind someone; for a limit alone it is IDM's comfortable braking"""
    least_gap_m: float = 1.0
    clamps_wanted_gap: bool = False
    clamps_lead_speed: bool = False
    """who comes the other way counts as standing"""
    trapezoid: bool = False
    slows_in_curves: bool = False
    """to 2.5 m/s2 across, and for the limits along the route; else that where the ego is now holds"""
    side_margin_m: float = 0.0
    """in the way is who is nearer than this to the ego's side"""


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
    target_mps: Float[Tensor, " b"] | None = None,
) -> SpeedProfile:
    """P proposals: a fraction of the speed limit at a lateral offset from the route.

    `target_mps` takes the place of the limit where the ego is now.
    """
    route, ego, dt_s = observation.route, observation.ego, rules.step_s
    horizon_s = 0.0 if rules.others_stand else num_steps * dt_s
    agents = agents or agents_along_route(observation.agents, route, horizon_s)
    curve = curve_speed_mps(route, LATERAL_MPS2, BRAKING_MPS2)
    shape = (len(ego.speed_mps), len(fractions))
    s = route.ego_s_m.unsqueeze(1).expand(shape)
    speed = ego.speed_mps.clamp(min=0.0).unsqueeze(1).expand(shape)
    if target_mps is None:
        target_mps = limit_here_mps(route)
    limit_here = target_mps.unsqueeze(1) * fractions
    half_length = 0.5 * ego.size_m[:, :1]
    times_s = [0.0] if rules.others_stand else [step * dt_s for step in range(num_steps)]
    reach = 0.5 * ego.size_m[:, 1] + rules.side_margin_m
    leaders = _Leaders.of(agents, times_s, offsets_m, reach)
    standing = torch.zeros_like(s)
    stop_s = route.stop_s_m.unsqueeze(1) - STOP_SHORT_M + params.min_gap_m
    all_s, all_speed = [s], [speed]
    for step in range(num_steps):
        front = s + half_length
        lead_gap, lead_speed = leaders.nearest(0 if rules.others_stand else step, front, s)
        if rules.clamps_lead_speed:
            lead_speed = lead_speed.clamp(min=0.0)
        desired = limit_here
        if rules.slows_in_curves:
            at = torch.round(s).clamp(0, curve.shape[1] - 1).long()
            limit = torch.gather(route.speed_limit_mps, 1, at) * fractions
            desired = torch.minimum(limit, torch.gather(curve, 1, at))
        stop_gap = stop_s - s - half_length
        # Whoever is ahead, and where to stop: the one that crowds more decides.
        gap = torch.stack((lead_gap, stop_gap))
        crowding = crowding_of(
            speed, gap, torch.stack((lead_speed, standing)), params,
            rules.least_gap_m, rules.clamps_wanted_gap,
        )  # fmt: skip
        acceleration = kept_back(speed, desired, crowding.abs().amax(dim=0), params)
        # Above the desired speed IDM brakes without bound; nobody needs that for a limit.
        over = (speed > desired) & (gap.amin(dim=0) >= 60.0)
        hardest = torch.where(over, params.braking_mps2, rules.hardest_braking_mps2)
        acceleration = torch.maximum(acceleration, -hardest)
        next_speed = (speed + acceleration * dt_s).clamp(min=0.0)
        s = s + (0.5 * (speed + next_speed) if rules.trapezoid else speed) * dt_s
        speed = next_speed
        all_s.append(s)
        all_speed.append(speed)
    return SpeedProfile(torch.stack(all_s, dim=2), torch.stack(all_speed, dim=2))


@dataclass(frozen=True)
class _Leaders:
    """Everyone along the route at T times; his rear for each of O lateral offsets, inf if not in its way."""

    rear_m: Float[Tensor, "t b o n"]
    center_m: Float[Tensor, "t b 1 n"]
    along_mps: Float[Tensor, "t b 1 n"]
    which: Int[Tensor, " p"]
    """the offset of each proposal"""

    @staticmethod
    def of(
        agents: AgentsOnRoute,
        times_s: Sequence[float],
        offsets_m: Float[Tensor, " p"],
        reach_m: Float[Tensor, " b"],
    ) -> "_Leaders":
        """Asked once for all steps: it does not depend on how far the ego gets."""
        then = agents.at(times_s)
        offset, half_across, rear, center, along, there = (
            field.permute(2, 0, 1).unsqueeze(2)
            for field in (
                then.offset_m, then.half_across_m, then.s_m - then.half_along_m, then.s_m,
                then.along_mps, then.valid,
            )
        )  # fmt: skip
        of_ego, which = offsets_m.unique(return_inverse=True)
        in_way = (offset - of_ego[:, None]).abs() < reach_m[:, None, None] + half_across
        return _Leaders(
            torch.where(in_way & there, rear, torch.inf),
            center.contiguous(),
            along.contiguous(),
            which,
        )

    def nearest(
        self, time: int, front_s_m: Float[Tensor, "b p"], center_s_m: Float[Tensor, "b p"]
    ) -> tuple[Float[Tensor, "b p"], Float[Tensor, "b p"]]:
        """Gap to the nearest one ahead of the ego's centre, and his speed; inf, 0: nobody."""
        rear = self.rear_m[time][:, self.which]
        if not rear.shape[2]:
            return torch.full_like(center_s_m, torch.inf), torch.zeros_like(center_s_m)
        ahead = self.center_m[time] > center_s_m.unsqueeze(2)
        gap = torch.where(ahead, rear - front_s_m.unsqueeze(2), torch.inf)
        nearest, index = gap.min(dim=2)
        speed = torch.gather(self.along_mps[time].squeeze(1), 1, index)
        return nearest, torch.where(nearest < torch.inf, speed, 0.0)


def limit_here_mps(route: RouteAhead) -> Float[Tensor, " b"]:
    """The limit of the lane that the ego is in."""
    here = torch.round(route.ego_s_m).clamp(0, route.speed_limit_mps.shape[1] - 1).long()
    return torch.gather(route.speed_limit_mps, 1, here.unsqueeze(1)).squeeze(1)


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
