"""The project's own rules where it holds them to be better than nuPlan's; no part of a score."""

import torch

from eval.metrics.declaration import Metric
from eval.metrics.facts import Facts
from eval.metrics.family import MetricResult
from eval.metrics.nuplan import overspeed
from eval.metrics.sources import OWN
from eval.rollout import Rollout
from sim.scenario import EGO

SPEED_LIMIT = Metric("bevdrive/speed_limit_compliance", "Speed limit of the route", OWN)


def speed_limit_compliance(rollout: Rollout, facts: Facts) -> MetricResult:
    """nuPlan's loss, with the limit of the route where the ego is: connectors have their own."""
    paths = rollout.world.paths
    limits = paths.speed_limit_mps[paths.row, paths.agent_path[:, EGO]]
    at = torch.round(facts.route_s_m).clamp(0, limits.shape[1] - 1).long()
    return overspeed(rollout, facts, torch.gather(limits, 1, at))


class OwnMetrics:
    """All of them."""

    metrics = (SPEED_LIMIT,)

    def compute(self, rollout: Rollout, facts: Facts) -> dict[str, MetricResult]:
        """The speed limit."""
        return {SPEED_LIMIT.key: speed_limit_compliance(rollout, facts)}
