"""PDM-Closed (Dauner et al. 2023): propose, simulate, score, take the best; brake in need."""

import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.futures import Futures, as_forecast, coasting
from drive.planning.idm_rollout import DT_S
from drive.planning.pdm.proposals import HORIZON, OFFSETS_M, SPEED_FRACTIONS, propose
from drive.planning.pdm.rules import IMPROVED, PUBLISHED, PdmRules
from drive.planning.pdm.scorer import FURTHEST_AHEAD, score
from drive.planning.route_frame import KNOT_S, along_route, knots_s
from sim import comfort
from sim.interface import Needs, Observation, Plan

EMERGENCY_S = 2.0
EMERGENCY_SPEED_MPS = 5.0


class PdmClosed:
    """The published rule-based planner that learned ones are measured against."""

    needs = Needs(map=True)
    rules: PdmRules = PUBLISHED

    def plan(self, observation: Observation) -> Plan:
        """The best of 15 proposals, or an emergency stop."""
        rules, steps = self.rules, self.rules.plan_steps
        device = observation.ego.speed_mps.device
        knots = self.futures(observation, knots_s(steps * DT_S, device))
        agents = along_route(knots, observation.agents.size_m, observation.route)
        proposals = propose(observation, agents, rules)
        instants = torch.arange(HORIZON + FURTHEST_AHEAD + 1, device=device) * DT_S
        futures = self.futures(observation, instants)
        scores = score(observation, futures, proposals, rules)
        offset = torch.tensor(OFFSETS_M).to(scores.total).abs()
        offset = offset.repeat_interleave(len(SPEED_FRACTIONS))
        best = (scores.total - rules.off_center_cost * offset).argmax(dim=1)
        world = torch.arange(len(best), device=best.device)
        soon = scores.collision_step[world, best] <= EMERGENCY_S / DT_S
        brake = soon & (observation.ego.speed_mps <= EMERGENCY_SPEED_MPS)
        chosen = torch.where(
            brake.reshape(-1, 1, 1),
            full_stop(observation, rules),
            proposals.reference[world, best, 1:],
        )
        return Plan(
            chosen,
            DT_S,
            candidates=proposals.pose[:, :, 1:],
            costs=1.0 - scores.total,
            forecast=as_forecast(futures, round(KNOT_S / DT_S), DT_S),
        )

    def futures(self, observation: Observation, time_s: Float[Tensor, " t"]) -> Futures:
        """What it takes the others to do: as published, to go straight on."""
        return coasting(observation.agents, time_s)


class PdmPlus(PdmClosed):
    """PDM-Closed with the changes that `docs/results.md` weighs one by one."""

    rules = IMPROVED


def full_stop(observation: Observation, rules: PdmRules) -> Tensor:
    """Straight on to a stop, `[B, T, 5]`.

    Published: at one speed throughout, 1.1 (v + u) with u = -10 v above 0.2 m/s, u = -4 v - a below it
    (there u alone), u within the bounds of comfort: at 4 m/s and less it asks to go back, so that the
    tracker brakes hard. Else: constant braking at the bound of comfort.
    """
    speed, acceleration = observation.ego.speed_mps, observation.ego.acceleration_mps2
    time = torch.arange(1, rules.plan_steps + 1, device=speed.device) * DT_S
    if rules.brakes_at_limit:
        slowed = (speed.unsqueeze(1) + comfort.ACCELERATION_MPS2[0] * time).clamp(min=0.0)
        x = torch.cumsum(slowed, dim=1) * DT_S
    else:
        fast = 1.1 * (speed + (-10.0 * speed).clamp(*comfort.ACCELERATION_MPS2))
        slow = (-4.0 * speed - acceleration).clamp(*comfort.ACCELERATION_MPS2)
        slowed = torch.where(speed > 0.2, fast, slow).unsqueeze(1).expand(-1, len(time))
        x = slowed * time
    zero = torch.zeros_like(x)
    return torch.stack((x, zero, zero, slowed, zero), dim=-1)
