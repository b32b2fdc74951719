"""`RatedPlanner`: a planner that rates candidates and takes the best; what refinement builds on."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.candidates import Candidates
from drive.planning.futures import Outlook
from drive.planning.least_cost import least_cost_plan
from sim.interface import Observation, Occupancy, Plan


@dataclass(frozen=True)
class Rated:
    """Candidates and what each costs, term by term if it has terms; and what the others were expected to do,
    if that was asked."""

    candidates: Candidates
    cost: Float[Tensor, "b k"]
    terms: dict[str, Float[Tensor, "b k"]] | None = None
    outlook: Outlook | None = None
    occupancy: Occupancy | None = None


class RatedPlanner(ABC):
    """Plans the candidate of least cost; where none can be driven, a stop."""

    @abstractmethod
    def rated(self, observation: Observation) -> Rated:
        """What the ego might do, and what each of that costs."""

    @torch.no_grad()
    def plan(self, observation: Observation) -> Plan:
        """The best of them."""
        rated = self.rated(observation)
        return least_cost_plan(
            observation, rated.candidates, rated.cost, rated.terms, rated.outlook, rated.occupancy
        )
