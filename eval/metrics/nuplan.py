"""nuPlan's closed-loop score (CLS), part by part.

score = NC * DAC * MakingProgress * DDC x (5 EP + 5 TTC + 4 SpeedLimit + 2 Comfort) / 16
"""

import torch

from eval.metrics.courses import always, at_last, hold_last
from eval.metrics.declaration import Curve, Failure, Metric
from eval.metrics.facts import Facts
from eval.metrics.family import MetricResult
from eval.metrics.sources import NUPLAN
from eval.metrics.ttc import NUPLAN_TIME_TO_COLLISION, nuplan_time_to_collision
from eval.rollout import Rollout
from sim.scenario import EGO

OFFROAD_TOLERANCE_M = 0.3
ONCOMING_M = (2.0, 6.0)
LEAST_PROGRESS = 0.2
PROGRESS_TAU_M = 2.0
MAX_OVERSPEED_MPS = 2.23


NO_COLLISION = Metric(
    "nuplan/no_at_fault_collision", "No at-fault collision", NUPLAN, column="collision",
    failure=Failure("Collision"), curve=Curve("Collision", "pass"),
)  # fmt: skip


def no_at_fault_collision(rollout: Rollout, facts: Facts) -> MetricResult:
    """Product over {vulnerable, vehicle: 0 allowed; object: 1 allowed} of max(0, 1 - n/(allowed+1)).

    `per_step`: the same with the contacts so far.
    """
    count, is_object = facts.contact_at_fault.cumsum(dim=-1), facts.is_object.unsqueeze(-1)
    objects = torch.where(is_object, count, 0).sum(dim=1)
    users = torch.where(is_object, 0, count).sum(dim=1)
    course = (1.0 - objects / 2.0).clamp(min=0.0) * (users == 0)
    return MetricResult(course[:, -1], rollout.active[:, 0], course)


DRIVABLE_AREA = Metric(
    "nuplan/drivable_area_compliance", "Drivable area", NUPLAN, column="drivable",
    failure=Failure("Off road"), curve=Curve("Drivable area", "pass"),
)  # fmt: skip


def drivable_area_compliance(rollout: Rollout, facts: Facts, tolerance_m: float) -> MetricResult:
    """0 from the first instant at which a corner is `tolerance_m` or more off the drivable area."""
    off = facts.offroad_m >= tolerance_m
    course = ((off & rollout.active).cumsum(dim=1) == 0).float()
    return MetricResult(course[:, -1], rollout.active[:, 0], course)


DIRECTION = Metric(
    "nuplan/driving_direction_compliance", "Driving direction", NUPLAN, column="direction",
    failure=Failure("Wrong way"), curve=Curve("Direction", "pass"),
)  # fmt: skip


def driving_direction_compliance(rollout: Rollout, facts: Facts) -> MetricResult:
    """1, 0.5, 0 for less than 2 m, less than 6 m, more, driven against the lanes within 1 s."""
    pose = rollout.pose[:, :, EGO]
    on_lane, along = rollout.world.field.lane_flow(pose[..., :2], pose[..., 2])
    step_m = facts.speed_mps[:, :, EGO] * rollout.dt_s
    against_m = torch.where(on_lane & ~along & rollout.active, step_m, 0.0)
    window = max(1, round(1.0 / rollout.dt_s))
    total = against_m.cumsum(dim=1)
    before = torch.nn.functional.pad(total, (window, 0))[:, : total.shape[1]]
    worst = (total - before).cummax(dim=1).values
    course = torch.where(worst < ONCOMING_M[0], 1.0, torch.where(worst < ONCOMING_M[1], 0.5, 0.0))
    return MetricResult(course[:, -1], rollout.active[:, 0], course)


EGO_PROGRESS = Metric(
    "nuplan/ego_progress", "Progress", NUPLAN, column="progress",
    curve=Curve("Progress", "share"),
)  # fmt: skip


def ego_progress(rollout: Rollout, facts: Facts) -> MetricResult:
    """min(1, max(ego, tau) / max(expert, tau)) along the route; 0 below -tau (tau = 2 m).

    The expert is the recorded ego. `per_step`: with the progress so far.
    """
    ego, expert = facts.route_s_m, facts.expert_s_m
    expert_m = at_last(expert, rollout.world.log.valid[:, EGO]) - expert[:, 0]
    expert_m = expert_m.clamp(min=PROGRESS_TAU_M).unsqueeze(1)
    gained_m = hold_last(ego, rollout.active) - ego[:, :1]
    course = (gained_m.clamp(min=PROGRESS_TAU_M) / expert_m).clamp(max=1.0)
    course = torch.where(gained_m < -PROGRESS_TAU_M, 0.0, course)
    return MetricResult(course[:, -1], rollout.active[:, 0], course)


MAKING_PROGRESS = Metric(
    "nuplan/making_progress", "Making progress", NUPLAN, failure=Failure("No progress")
)


def making_progress(made: MetricResult) -> MetricResult:
    """1 where the ego's progress is at least 0.2, else 0."""
    return MetricResult((made.value >= LEAST_PROGRESS).float(), made.valid, made.per_step)


SPEED_LIMIT = Metric(
    "nuplan/speed_limit_compliance", "Speed limit", NUPLAN, column="limit",
    curve=Curve("Over limit", "value", unit="m/s"),
)  # fmt: skip


def speed_limit_compliance(rollout: Rollout, facts: Facts) -> MetricResult:
    """max(0, 1 - sum(excess * dt) / (2.23 m/s * T)). `per_step`: the excess in m/s."""
    paths = rollout.world.paths
    limits = paths.speed_limit_mps[paths.row, paths.agent_path[:, EGO]]
    at = torch.round(facts.route_s_m).clamp(0, limits.shape[1] - 1).long()
    over_mps = facts.speed_mps[:, :, EGO] - torch.gather(limits, 1, at)
    excess = torch.where(rollout.active, over_mps.clamp(min=0.0), 0.0)
    duration = rollout.active.sum(dim=1).clamp(min=1)
    value = (1.0 - excess.sum(dim=1) / (MAX_OVERSPEED_MPS * duration)).clamp(min=0.0)
    return MetricResult(value, rollout.active[:, 0], excess)


COMFORT = Metric(
    "nuplan/comfort", "Comfort", NUPLAN, column="comfort",
    failure=Failure("Comfort"), curve=Curve("Comfort", "pass"),
)  # fmt: skip


def comfort(rollout: Rollout, facts: Facts) -> MetricResult:
    """1 where the motion is comfortable at every instant, else 0."""
    return always(facts.comfortable, rollout.active)


SCORE = Metric(
    "nuplan/score", "Score", NUPLAN, column="score", curve=Curve("Gates so far", "share")
)
_WEIGHTS = {
    "nuplan/ego_progress": 5.0,
    "nuplan/time_to_collision": 5.0,
    "nuplan/speed_limit_compliance": 4.0,
    "nuplan/comfort": 2.0,
}


def closed_loop_score(parts: dict[str, MetricResult], rollout: Rollout) -> MetricResult:
    """The product of the gates and the weighted mean; parts without a value leave with their weight.

    `per_step`: the product of the gates so far.
    """
    gates = torch.ones_like(rollout.active[:, 0], dtype=torch.float32)
    course = torch.ones_like(rollout.active, dtype=torch.float32)
    for gate in (NO_COLLISION, DRIVABLE_AREA, DIRECTION, MAKING_PROGRESS):
        part = parts[gate.key]
        gates = gates * torch.where(part.valid, part.value, 1.0)
        if gate is not MAKING_PROGRESS:
            course = course * part.per_step
    total, weights = torch.zeros_like(gates), torch.zeros_like(gates)
    for key, weight in _WEIGHTS.items():
        total += torch.where(parts[key].valid, weight * parts[key].value, 0.0)
        weights += weight * parts[key].valid
    value = gates * total / weights.clamp(min=1e-6)
    return MetricResult(value, weights > 0, course)


class NuplanMetrics:
    """The score and all of its parts."""

    metrics = (
        SCORE, NO_COLLISION, DRIVABLE_AREA, DIRECTION, MAKING_PROGRESS,
        EGO_PROGRESS, NUPLAN_TIME_TO_COLLISION, SPEED_LIMIT, COMFORT,
    )  # fmt: skip

    def compute(self, rollout: Rollout, facts: Facts) -> dict[str, MetricResult]:
        """The parts, then the score from them."""
        made = ego_progress(rollout, facts)
        parts = {
            NO_COLLISION.key: no_at_fault_collision(rollout, facts),
            DRIVABLE_AREA.key: drivable_area_compliance(rollout, facts, OFFROAD_TOLERANCE_M),
            DIRECTION.key: driving_direction_compliance(rollout, facts),
            MAKING_PROGRESS.key: making_progress(made),
            EGO_PROGRESS.key: made,
            NUPLAN_TIME_TO_COLLISION.key: nuplan_time_to_collision(rollout, facts),
            SPEED_LIMIT.key: speed_limit_compliance(rollout, facts),
            COMFORT.key: comfort(rollout, facts),
        }
        return {SCORE.key: closed_loop_score(parts, rollout), **parts}
