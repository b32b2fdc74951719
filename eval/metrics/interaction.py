"""The metrics of interaction that do not saturate where everybody drives without touching anyone."""

from eval.metrics import deadlock, encounters, task
from eval.metrics.facts import Facts
from eval.metrics.family import MetricResult
from eval.rollout import Rollout


class InteractionMetrics:
    """Success and what it is made of; how near others came, and what was asked of them."""

    metrics = (
        task.SUCCESS, task.TIME_TO_GOAL, task.TIMEOUT, deadlock.DEADLOCK,
        encounters.MIN_TTC, encounters.PET, encounters.IMPOSED,
    )  # fmt: skip

    def compute(self, rollout: Rollout, facts: Facts) -> dict[str, MetricResult]:
        """Each by its own function."""
        stuck = deadlock.deadlock(rollout)
        return {
            task.SUCCESS.key: task.success(rollout, facts),
            task.TIME_TO_GOAL.key: task.time_to_goal(rollout, facts),
            task.TIMEOUT.key: task.timeout(rollout, facts, stuck),
            deadlock.DEADLOCK.key: stuck,
            encounters.MIN_TTC.key: encounters.min_time_to_collision(rollout, facts),
            encounters.PET.key: encounters.post_encroachment_time(rollout),
            encounters.IMPOSED.key: encounters.imposed_deceleration(rollout),
        }
