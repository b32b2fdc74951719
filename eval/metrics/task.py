"""Whether the ego did what it was there for: it reached its goal in time, cleanly; and if not, why not.

The goal is a line to be crossed (`sim.goals`). What happens after it is crossed counts for nothing here.
"""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from eval.metrics.declaration import Failure, Metric
from eval.metrics.facts import Facts
from eval.metrics.family import MetricResult
from eval.metrics.nuplan import OFFROAD_TOLERANCE_M
from eval.metrics.sources import OWN
from eval.rollout import Rollout
from sim.scenario import EGO

SUCCESS = Metric("bevdrive/success", "Success", OWN, column="success")


def success(rollout: Rollout, facts: Facts) -> MetricResult:
    """1 where the ego crosses the goal line within the time limit, and up to then had no at-fault
    collision (nuPlan's rule, objects included) and no corner 0.3 m or more off the drivable area.

    No value without a goal. `per_step`: 1 from the crossing on.
    """
    in_time = _reached_in_time(rollout, facts)
    first = in_time & (in_time.cumsum(dim=1) == 1)
    clean = (first & _clean(rollout, facts)).any(dim=1)
    course = (in_time & clean.unsqueeze(1)).float()
    return MetricResult(clean.float(), rollout.world.goals.known, course)


TIMEOUT = Metric(
    "bevdrive/timeout", "Time-out", OWN, higher_is_better=False, failure=Failure("Time-out", 0.0)
)


def timeout(rollout: Rollout, facts: Facts, deadlock: MetricResult) -> MetricResult:
    """1 where the goal is not reached in time although nothing went wrong: there was neither an at-fault
    collision, nor did the ego leave the road, nor was it in a deadlock.

    No value without a goal.
    """
    reached = _reached_in_time(rollout, facts).any(dim=1)
    wrong = (~_clean(rollout, facts) & rollout.active).any(dim=1) | (deadlock.value > 0.0)
    value = (~reached & ~wrong).float()
    course = value.unsqueeze(1).expand(rollout.active.shape)
    return MetricResult(value, rollout.world.goals.known, course)


TIME_TO_GOAL = Metric(
    "bevdrive/time_to_goal", "Time to goal", OWN, higher_is_better=False, unit="of the reference's"
)


def time_to_goal(rollout: Rollout, facts: Facts) -> MetricResult:
    """The time until the goal line is crossed, over that of the reference drive: the recorded ego's.

    A value only where both cross it, however cleanly. `per_step`: the time driven, over the same.
    """
    goals, log = rollout.world.goals, rollout.world.log
    recorded = goals.reached(log.pose[:, EGO, :, :2]) & log.valid[:, EGO]
    steps, least = (_steps_until(holds) for holds in (facts.at_goal, recorded))
    both = facts.at_goal.any(dim=1) & recorded.any(dim=1)
    instant = torch.arange(facts.at_goal.shape[1], device=steps.device)
    course = torch.minimum(instant, steps.unsqueeze(1)) / least.unsqueeze(1).clamp(min=1)
    return MetricResult(steps / least.clamp(min=1), both, course)


def _steps_until(holds: Bool[Tensor, "b t"]) -> Int[Tensor, " b"]:
    return (holds.cumsum(dim=1) == 0).sum(dim=1)


def _reached_in_time(rollout: Rollout, facts: Facts) -> Bool[Tensor, "b t"]:
    time_s = rollout.dt_s * torch.arange(rollout.num_instants, device=rollout.pose.device)
    return facts.at_goal & (time_s <= rollout.world.goals.time_limit_s.unsqueeze(1) + 1e-3)


def _clean(rollout: Rollout, facts: Facts) -> Bool[Tensor, "b t"]:
    """Neither a collision that is the ego's fault nor a corner off the road so far."""
    bad = facts.contact_at_fault.any(dim=1) | (facts.offroad_m >= OFFROAD_TOLERANCE_M)
    return bad.cumsum(dim=1) == 0
