"""nuPlan's parts of single episodes, for environments (`sim.env.scorers`)."""

import torch
from torch import Tensor

from eval.metrics.nuplan import NuplanMetrics
from eval.metrics.suite import evaluate
from eval.rollout import collect
from sim.scenario import EGO
from sim.world import World, WorldState


class NuplanScorer:
    """nuPlan's closed-loop score and its parts of each episode, up to where it ended."""

    def score(self, world: World, states: list[WorldState]) -> dict[str, Tensor]:
        """By key (`nuplan/score`, ...), `[B]`; NaN where a part has no value."""
        still = [state.pose[:, None, EGO] for state in states]  # nothing reads the plans
        results = evaluate(collect(world, states, still), (NuplanMetrics(),))
        return {key: torch.where(r.valid, r.value, torch.nan) for key, r in results.items()}
