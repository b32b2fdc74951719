"""PDM-Closed's proposals (Dauner et al. 2023): IDM along the route at several speeds and offsets.

It reacts to others, as no other sampler does: every candidate keeps its distance from whoever is in its way,
who is taken to go on at constant velocity.
"""

from dataclasses import replace

import torch

from drive.planning.candidates import DT_S, HORIZON_S, Candidates
from drive.planning.idm_rollout import DT_S as STEP_S
from drive.planning.pdm.proposals import propose
from drive.planning.pdm.rules import IMPROVED
from drive.planning.route_frame import agents_along_route
from drive.planning.samplers.drivable import can_drive
from sim.interface import Observation

_STEPS = round(HORIZON_S / STEP_S)
_STEPS_A_POINT = round(DT_S / STEP_S)
_RULES = replace(IMPROVED, plan_steps=_STEPS)


class IdmSampler:
    """The 15 proposals of `pdm+`, driven by LQR and bicycle up to the candidates' horizon; not by chance."""

    def __call__(
        self, observation: Observation, generator: torch.Generator | None = None
    ) -> Candidates:
        """Each of `SPEED_FRACTIONS` of the limit at each of `OFFSETS_M`."""
        agents = agents_along_route(observation.agents, observation.route, HORIZON_S)
        driven = propose(observation, agents, _RULES, _STEPS)
        wheelbase_m = observation.ego.wheelbase_m
        points = slice(None, None, _STEPS_A_POINT)
        pose, speed = driven.pose[:, :, points], driven.speed_mps[..., points]
        curvature = torch.tan(driven.steering_rad[..., points]) / wheelbase_m.reshape(-1, 1, 1)
        state = torch.stack((speed, curvature), dim=-1)
        trajectory = torch.cat((pose, state), dim=-1)[:, :, 1:]
        return Candidates(trajectory, can_drive(speed, curvature, wheelbase_m))
