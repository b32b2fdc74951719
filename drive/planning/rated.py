"""`RatedPlanner`: a planner that rates candidates and takes the best; what refinement and viewer build on."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.candidates import Candidates
from drive.planning.costs.volume import CostVolume
from drive.planning.futures import Outlook
from drive.planning.least_cost import least_cost_plan
from sim.interface import Observation, Occupancy, Plan, WhatIf

BEST = 48
"""of a planner's candidates: as many of the cheapest as plans, records and refinement look at"""


@dataclass(frozen=True)
class Rated:
    """Candidates and what each costs, term by term if it has terms; what the others were expected to do, if
    that was asked; what it costs to be anywhere, and what the others would do if the ego did something else,
    if the planner knows that.

    All costs hold for as many of the cheapest as the planner's `best`; what is told of another is no less
    than they cost, and need not be all.
    """

    candidates: Candidates
    cost: Float[Tensor, "b k"]
    terms: dict[str, Float[Tensor, "b k"]] | None = None
    outlook: Outlook | None = None
    occupancy: Occupancy | None = None
    volume: CostVolume | None = None
    what_if: WhatIf | None = None

    def plan(self, observation: Observation) -> Plan:
        """The best of them."""
        plan = least_cost_plan(
            observation, self.candidates, self.cost, self.terms, self.outlook, self.occupancy
        )
        return replace(plan, what_if=self.what_if)


class RatedPlanner(ABC):
    """Plans the candidate of least cost; where none can be driven, a stop.

    `best`: how many of the cheapest candidates somebody will look at.
    """

    best: int = BEST

    @abstractmethod
    def rated(self, observation: Observation) -> Rated:
        """What the ego might do, and what each of that costs."""

    @torch.no_grad()
    def plan(self, observation: Observation) -> Plan:
        """The best of them."""
        return self.rated(observation).plan(observation)
