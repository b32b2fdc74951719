"""bevdrive simulate --planner examples/my_planner.py:TwoSecondRule,idm,pdm --count 8"""

import torch

from sim.interface import Observation, Plan

DT_S, TIMES_S = 0.1, torch.arange(1, 41) * 0.1


class TwoSecondRule:
    """Along the route, two seconds behind whoever is straight ahead, and no faster than allowed."""

    def plan(self, observation: Observation) -> Plan:
        ego, agents, route = observation.ego, observation.agents, observation.route
        x, y = agents.pose[..., 0], agents.pose[..., 1]
        in_front = agents.valid & (x > 0.0) & (y.abs() < 2.0)
        gap_m = torch.where(in_front, x - 7.0, torch.inf).amin(dim=1)
        gap_m = torch.minimum(gap_m, route.stop_s_m - route.ego_s_m - 4.0)
        wanted = torch.minimum(gap_m.clamp(min=0.0) / 2.0, route.speed_limit_mps[:, 10])
        now, time_s = ego.speed_mps.unsqueeze(1), TIMES_S.to(gap_m.device)
        change = torch.clamp(wanted.unsqueeze(1) - now, min=-4.0 * time_s, max=1.5 * time_s)
        speed = (now + change).clamp(min=0.0)
        s_m = route.ego_s_m.unsqueeze(1) + (speed * DT_S).cumsum(dim=1)
        point = s_m.long().clamp(max=route.pose.shape[1] - 2)  # one a metre
        here = torch.take_along_dim(route.pose, point.unsqueeze(2), dim=1)
        then = torch.take_along_dim(route.pose, point.unsqueeze(2) + 1, dim=1)
        pose = here + (s_m - point).unsqueeze(2) * (then - here)
        bend = (then - here)[..., 2]
        return Plan(torch.cat((pose, speed.unsqueeze(2), bend.unsqueeze(2)), dim=2), DT_S)
