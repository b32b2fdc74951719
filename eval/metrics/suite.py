"""All closed-loop metrics of a rollout, by their published names."""

from eval.metrics.collision import find_contacts
from eval.metrics.navsim import evaluate_navsim
from eval.metrics.nuplan import evaluate_nuplan
from eval.metrics.progress import Progress
from eval.metrics.result import MetricResult
from eval.metrics.waymax import evaluate_waymax
from eval.rollout import Rollout


def evaluate(rollout: Rollout) -> dict[str, MetricResult]:
    """nuPlan's closed-loop score, NAVSIM's PDMS and Waymax's metrics, with their parts."""
    contacts, progress = find_contacts(rollout), Progress.of(rollout)
    return {
        **evaluate_nuplan(rollout, contacts, progress),
        **evaluate_navsim(rollout, contacts, progress),
        **evaluate_waymax(rollout, progress),
    }
