"""The recorded ego as a planner: the "human" row of every table."""

import torch

from sim.geometry import se2
from sim.interface import Needs, Observation, Plan
from sim.scenario import EGO

HORIZON = 40


class LogReplayPlanner:
    """Plans the recorded future; after the recording ends, stands still."""

    needs = Needs(privileged=True)

    def plan(self, observation: Observation) -> Plan:
        """The next 4 s of the recording, in the frame of the ego as it is now."""
        known = observation.privileged
        assert known is not None
        log = known.world.log
        last = log.valid.shape[2] - 1
        device = log.pose.device
        steps = torch.arange(1, HORIZON + 1, device=device) + observation.step.unsqueeze(1)
        held = log.valid[:, EGO].sum(dim=1, keepdim=True) - 1  # last recorded instant
        index = torch.minimum(steps.clamp(max=last), held)
        world = torch.arange(len(held), device=device).unsqueeze(1)
        pose = log.pose[world, EGO, index]
        velocity = log.velocity_mps[world, EGO, index]
        speed = (velocity * torch.stack((pose[..., 2].cos(), pose[..., 2].sin()), -1)).sum(-1)
        ego_SE2_world = se2.inverse(known.state.pose[:, EGO]).unsqueeze(1)
        local = se2.compose(ego_SE2_world, pose)
        turn = se2.wrap_angle(torch.diff(pose[..., 2], dim=1, append=pose[:, -1:, 2]))
        curvature = turn / (speed * observation.dt_s).clamp(min=0.1)
        trajectory = torch.cat((local, speed.unsqueeze(-1), curvature.unsqueeze(-1)), dim=-1)
        return Plan(trajectory, observation.dt_s, tracking="exact")
