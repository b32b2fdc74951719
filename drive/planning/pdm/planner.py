"""PDM-Closed (Dauner et al. 2023): propose, simulate, score, take the best; brake in need."""

import torch
from torch import Tensor

from drive.planning.idm_rollout import DT_S
from drive.planning.pdm.proposals import HORIZON, OFFSETS_M, SPEED_FRACTIONS, propose
from drive.planning.pdm.scorer import score
from drive.planning.route_frame import agents_along_route, coasting
from sim import comfort
from sim.interface import Needs, Observation, Plan

EMERGENCY_S = 2.0
EMERGENCY_SPEED_MPS = 5.0
EMERGENCY_BRAKING_MPS2 = -comfort.ACCELERATION_MPS2[0]
# Off the middle of the lane only where it pays: else the inside of every bend scores best.
OFF_CENTER_COST = 0.05


class PdmClosed:
    """The rule-based planner that learned ones are measured against."""

    needs = Needs(map=True)

    def plan(self, observation: Observation) -> Plan:
        """The best of 15 proposals, or a full stop."""
        agents = agents_along_route(observation.agents, observation.route, HORIZON * DT_S)
        proposals = propose(observation, agents)
        scores = score(observation, proposals)
        offset = torch.tensor(OFFSETS_M * len(SPEED_FRACTIONS)).to(scores.total).abs()
        best = (scores.total - OFF_CENTER_COST * offset).argmax(dim=1)
        world = torch.arange(len(best), device=best.device)
        soon = scores.collision_step[world, best] <= EMERGENCY_S / DT_S
        brake = soon & (observation.ego.speed_mps <= EMERGENCY_SPEED_MPS)
        chosen = torch.where(
            brake.reshape(-1, 1, 1), _full_stop(observation), proposals.reference[world, best, 1:]
        )
        return Plan(
            chosen,
            DT_S,
            candidates=proposals.pose[:, :, 1:],
            costs=1.0 - scores.total,
            forecast=coasting(observation.agents, HORIZON * DT_S),
        )


def _full_stop(observation: Observation) -> Tensor:
    """Straight braking at the limit of comfort, `[B, T, 5]`."""
    speed = observation.ego.speed_mps.unsqueeze(1)
    time = torch.arange(1, HORIZON + 1, device=speed.device) * DT_S
    slowed = (speed - EMERGENCY_BRAKING_MPS2 * time).clamp(min=0.0)
    x = torch.cumsum(slowed, dim=1) * DT_S
    zero = torch.zeros_like(x)
    return torch.stack((x, zero, zero, slowed, zero), dim=-1)
