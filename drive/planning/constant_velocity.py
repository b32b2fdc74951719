"""The simplest baseline: go straight on at the present speed."""

import torch

from sim.interface import Observation, Plan

HORIZON = 40
DT_S = 0.1


class ConstantVelocity:
    """Keeps speed and heading."""

    def plan(self, observation: Observation) -> Plan:
        """A straight trajectory of 4 s."""
        speed = observation.ego.speed_mps.unsqueeze(1).expand(-1, HORIZON)
        time = torch.arange(1, HORIZON + 1, device=speed.device) * DT_S
        zero = torch.zeros_like(speed)
        trajectory = torch.stack((speed * time, zero, zero, speed, zero), dim=-1)
        return Plan(trajectory, DT_S)
