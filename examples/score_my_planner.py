"""A planner of one's own, scored beside another: python examples/score_my_planner.py"""

import torch

import bevdrive


class HoldSpeed:
    """Straight on, as fast as now; every row is x, y, yaw, speed, curvature, 0.1 s apart."""

    def plan(self, observation):
        speed = observation.ego.speed_mps.unsqueeze(1).expand(-1, 40)
        zero = torch.zeros_like(speed)
        return bevdrive.Plan(torch.stack((0.1 * speed.cumsum(1), zero, zero, speed, zero), 2), 0.1)


print(bevdrive.simulate(bevdrive.generate(["roundabout"], count=8, seed=3), [HoldSpeed, "idm"]))
