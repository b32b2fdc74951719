"""The IDM planner: along the middle of the route, behind whoever is ahead (Treiber et al. 2000)."""

import torch

from drive.planning.idm_rollout import DT_S, reference_poses, roll_out
from drive.planning.pdm.rules import IMPROVED
from drive.planning.route_frame import coasting
from sim.interface import Observation, Plan
from sim.traffic.idm_law import IdmParams

HORIZON = 40
PARAMS = IdmParams(min_gap_m=1.0, headway_s=1.5, max_acceleration_mps2=1.0, braking_mps2=3.0)
TOP_SPEED_MPS = 10.0


class IdmPlanner:
    """nuPlan's IDM baseline: its parameters, no lateral decision, exponent 4.

    Rolled out as in `pdm+`: it slows down for curves, which nuPlan's does not.
    """

    def plan(self, observation: Observation) -> Plan:
        """4 s along the route."""
        one = torch.ones(1, device=observation.ego.speed_mps.device)
        zero = torch.zeros_like(one)
        profile = roll_out(
            observation, one, zero, PARAMS, HORIZON, IMPROVED.rollout, top_speed_mps=TOP_SPEED_MPS
        )
        pose, curvature = reference_poses(observation, profile, zero)
        speed = profile.speed_mps
        trajectory = torch.cat((pose, speed.unsqueeze(-1), curvature.unsqueeze(-1)), dim=-1)
        expected = coasting(observation.agents, HORIZON * DT_S)
        return Plan(trajectory[:, 0, 1:], DT_S, forecast=expected)
