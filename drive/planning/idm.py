"""The IDM planner: along the middle of the route, behind whoever is ahead (Treiber et al. 2000)."""

from dataclasses import replace

import torch
from torch import Tensor

from drive.planning.futures import as_forecast, coasting
from drive.planning.idm_rollout import RolloutRules, limit_here_mps, reference_poses, roll_out
from drive.planning.route_frame import KNOT_S, knots_s
from sim.interface import Observation, Plan
from sim.traffic.idm_law import IdmParams

PARAMS = IdmParams(min_gap_m=1.0, headway_s=1.5, max_acceleration_mps2=1.0, braking_mps2=3.0)
RULES = RolloutRules(step_s=0.5, others_stand=True)
HORIZON = 16
SEES_M = 40.0


class IdmPlanner:
    """nuPlan's IDM baseline (nuplan-devkit, `IDMPlanner`): its parameters and its roll-out.

    Its target is the limit of the lane that it starts in, or its speed there if that is more; it
    slows down neither for curves nor for other limits. (nuPlan's 10 m/s are for lanes without limit.)
    """

    def __init__(self) -> None:
        self._target_mps: Tensor | None = None

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        """Forget the target."""
        self._target_mps = None

    def plan(self, observation: Observation) -> Plan:
        """8 s along the route."""
        ego, agents = observation.ego, observation.agents
        if self._target_mps is None:
            self._target_mps = torch.maximum(limit_here_mps(observation.route), ego.speed_mps)
        near = agents.valid & (agents.pose[..., :2].norm(dim=-1) < SEES_M)
        seen = replace(observation, agents=replace(agents, valid=near))
        one = torch.ones(1, device=ego.speed_mps.device)
        zero = torch.zeros_like(one)
        profile = roll_out(seen, one, zero, PARAMS, HORIZON, RULES, target_mps=self._target_mps)
        pose, curvature = reference_poses(observation, profile, zero)
        speed = profile.speed_mps
        trajectory = torch.cat((pose, speed.unsqueeze(-1), curvature.unsqueeze(-1)), dim=-1)
        expected = coasting(agents, knots_s(HORIZON * RULES.step_s, one.device)[:-1])
        forecast = as_forecast([expected], torch.ones_like(ego.size_m[:, :1]), 1, KNOT_S)
        return Plan(trajectory[:, 0, 1:], RULES.step_s, forecast=forecast)
