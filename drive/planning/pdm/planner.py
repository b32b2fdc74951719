"""PDM-Closed (Dauner et al. 2023): propose, simulate, score, take the best; brake in need."""

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from drive.planning.forecaster import Forecaster, Reactive
from drive.planning.futures import Outlook, as_forecast, coasting
from drive.planning.idm_rollout import DT_S
from drive.planning.pdm.proposals import HORIZON, OFFSETS_M, SPEED_FRACTIONS, propose
from drive.planning.pdm.rules import IMPROVED, PUBLISHED, PdmRules
from drive.planning.pdm.scorer import FURTHEST_AHEAD, score
from drive.planning.route_frame import KNOT_S, along_route, knots_s
from sim import comfort, trees
from sim.interface import Needs, Observation, Plan

EMERGENCY_S = 2.0
EMERGENCY_PROBABILITY = 0.5  # of a collision that soon; among several futures, not published
EMERGENCY_SPEED_MPS = 5.0


class PdmClosed:
    """The published rule-based planner that learned ones are measured against.

    Given a forecaster it reckons with its futures in place of constant velocities: proposals are made for
    the most probable one, and scored by the mean over all; by those of each proposal, if it can tell them.
    """

    needs = Needs(map=True)
    rules: PdmRules = PUBLISHED

    def __init__(self, forecaster: Forecaster | None = None) -> None:
        self._forecaster = forecaster
        if forecaster is not None:
            self.needs = replace(forecaster.needs, map=True)

    def plan(self, observation: Observation) -> Plan:
        """The best of 15 proposals, or an emergency stop."""
        rules, steps = self.rules, self.rules.plan_steps
        device = observation.ego.speed_mps.device
        outlook = self.outlook(observation)
        knots = outlook.likeliest(knots_s(steps * DT_S, device))
        agents = along_route(knots, observation.agents.size_m, observation.route)
        proposals = propose(observation, agents, rules)
        if isinstance(self._forecaster, Reactive):
            outlook = Outlook.given(self._forecaster, observation, proposals.pose, DT_S)
        instants = torch.arange(HORIZON + FURTHEST_AHEAD + 1, device=device) * DT_S
        futures, probability = outlook.at(instants), outlook.probability
        scores = score(observation, futures, probability, proposals, rules)
        offset = torch.tensor(OFFSETS_M).to(scores.total).abs()
        offset = offset.repeat_interleave(len(SPEED_FRACTIONS))
        best = (scores.total - rules.off_center_cost * offset).argmax(dim=1)
        world = torch.arange(len(best), device=best.device)
        soon = scores.collision_step[world, best] <= EMERGENCY_S / DT_S
        if len(probability) > len(best):  # each proposal has its own
            of_best = world * scores.total.shape[1] + best
            futures = [trees.take(future, of_best) for future in futures]
            probability = probability[of_best]
        likely = (soon * probability).sum(dim=1) > EMERGENCY_PROBABILITY
        brake = likely & (observation.ego.speed_mps <= EMERGENCY_SPEED_MPS)
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
            forecast=as_forecast(futures, probability, round(KNOT_S / DT_S), DT_S),
        )

    def outlook(self, observation: Observation) -> Outlook:
        """What it takes the others to do: as published, to go straight on; else what is forecast."""
        agents = observation.agents
        if self._forecaster is None:
            return Outlook.certain(partial(coasting, agents), agents)
        with torch.no_grad():
            return Outlook.of(self._forecaster.predict_joint(observation), agents)


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
