"""`RefinedPlanner`: the best candidates of a planner, driven in mind and scored by PDM-Closed's rules.

Rule-based refinement, as learned planners are scored with and without it on nuPlan.
"""

from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.candidates import Candidates
from drive.planning.forecaster import Forecaster, Reactive
from drive.planning.futures import Outlook, coasting
from drive.planning.idm_rollout import DT_S
from drive.planning.least_cost import least_cost_plan
from drive.planning.pdm.proposals import HORIZON, Proposals, simulate
from drive.planning.pdm.rules import IMPROVED
from drive.planning.pdm.scorer import FURTHEST_AHEAD, score
from drive.planning.rated import BEST, Rated, RatedPlanner
from drive.planning.samplers.drivable import curvature_now
from sim.ego_motion import plan_entries
from sim.interface import Observation, Plan, needs_of

_PER_COST = 0.02  # of the score, for what a candidate costs the planner above its best one


class RefinedPlanner:
    """Of a planner's best candidates the one that PDM-Closed's scorer likes best, less what it costs.

    That cost counts because the scorer does not know all that a planner minds: that a lane does not lead
    along the route, for one. The scorer reckons with what the planner forecasts for the others; with
    constant velocities, where it does not; with what they do because of each candidate, if a forecaster can
    tell that.
    """

    def __init__(self, planner: RatedPlanner, forecaster: Forecaster | None = None) -> None:
        self._planner, self._forecaster = planner, forecaster
        self.needs = replace(needs_of(planner), map=True)

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        """The planner's own."""
        reset = getattr(self._planner, "reset", None)
        if reset is not None:
            reset(num_worlds, device, generator)

    @torch.no_grad()
    def plan(self, observation: Observation) -> Plan:
        """The best of the best; where none can be driven, a stop."""
        rated, agents = self._planner.rated(observation), observation.agents
        best = _best(rated)
        outlook = rated.outlook or Outlook.certain(partial(coasting, agents), agents)
        proposals = _driven(observation, best)
        reckoned = outlook
        if isinstance(self._forecaster, Reactive):
            reckoned = Outlook.given(self._forecaster, observation, proposals.pose, DT_S)
        instants = torch.arange(HORIZON + FURTHEST_AHEAD + 1, device=best.valid.device) * DT_S
        futures = reckoned.at(instants)
        scores = score(observation, futures, reckoned.probability, proposals, IMPROVED)
        cost = 1.0 - scores.total + _PER_COST * _dearer(rated)[:, :BEST]
        return least_cost_plan(observation, best, cost, None, outlook, rated.occupancy)


def _best(rated: Rated) -> Candidates:
    """Those of least cost, in that order."""
    return rated.candidates.take(_priced(rated).argsort(dim=1, stable=True)[:, :BEST])


def _dearer(rated: Rated) -> Float[Tensor, "b k"]:
    """By how much each candidate costs more than the best, in that order; 0 where none can be driven."""
    cost = _priced(rated).sort(dim=1).values
    return torch.where(torch.isfinite(cost[:, :1]), cost - cost[:, :1], 0.0)


def _priced(rated: Rated) -> Float[Tensor, "b k"]:
    return torch.where(rated.candidates.valid, rated.cost, torch.inf)


def _driven(observation: Observation, candidates: Candidates) -> Proposals:
    """As the ego's tracker and bicycle would drive them."""
    ego, shape = observation.ego, candidates.valid.shape
    path = candidates.trajectory.flatten(0, 1)
    speed = ego.speed_mps.repeat_interleave(shape[1])
    entries = plan_entries(Plan(path, candidates.dt_s), speed, DT_S, HORIZON)
    now = _present(observation).repeat_interleave(shape[1], dim=0)
    reference = torch.cat((now.unsqueeze(1), entries), dim=1).unflatten(0, shape)
    return simulate(observation, reference[..., :3], reference[..., 3], reference[..., 4], IMPROVED)


def _present(observation: Observation) -> Tensor:
    """The ego's own state as an entry of a trajectory, `[b 5]`."""
    ego = observation.ego
    zero = torch.zeros_like(ego.speed_mps)
    return torch.stack((zero, zero, zero, ego.speed_mps, curvature_now(ego)), dim=-1)
