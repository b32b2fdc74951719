"""nuPlan's closed-loop score (CLS), part by part.

score = NC * DAC * MakingProgress * DDC x (5 EP + 5 TTC + 4 SpeedLimit + 2 Comfort) / 16
"""

import torch
from jaxtyping import Float
from torch import Tensor

from eval.metrics.courses import always
from eval.metrics.declaration import Curve, Failure, Metric
from eval.metrics.facts import Facts
from eval.metrics.family import MetricResult
from eval.metrics.sources import NUPLAN
from eval.metrics.ttc import NUPLAN_TIME_TO_COLLISION, nuplan_time_to_collision
from eval.rollout import Rollout
from sim.maps.driven_lanes import first_lane
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
    """1, 0.5, 0 for less than 2 m, less than 6 m, more, of net progress against the lanes within 1 s.

    Progress is along the baseline of the lane that the ego is in; the instant that it enters a lane,
    and those off every lane, have none. The 1 s before an instant and its own increment are summed.
    """
    gained_m = torch.where(rollout.active, _along_own_lane_m(rollout, facts), 0.0)
    window = int(1.0 / rollout.dt_s + 1e-6) + 1
    total = gained_m.cumsum(dim=1)
    before = torch.nn.functional.pad(total, (window, 0))[:, : total.shape[1]]
    back_m = torch.where(rollout.active, before - total, 0.0)
    worst = back_m.cummax(dim=1).values
    course = torch.where(worst < ONCOMING_M[0], 1.0, torch.where(worst < ONCOMING_M[1], 0.5, 0.0))
    return MetricResult(course[:, -1], rollout.active[:, 0], course)


def _along_own_lane_m(rollout: Rollout, facts: Facts) -> Float[Tensor, "b t"]:
    """Metres gained along the baseline of the lane since the ego was last in any lane, the same one."""
    lane = first_lane(facts.lanes)
    place = rollout.pose[:, :, EGO, :2]
    along_m = rollout.world.lane_areas.along_m(place, lane.clamp(min=0))
    instant = torch.arange(lane.shape[1], device=lane.device).expand_as(lane)
    seen = torch.where(lane >= 0, instant, -1).cummax(dim=1).values
    before = torch.nn.functional.pad(seen, (1, 0), value=-1)[:, :-1]
    back = before.clamp(min=0)
    same = (before >= 0) & (torch.gather(lane, 1, back) == lane) & (lane >= 0)
    # Where it entered the lane its place along it is not taken, except at the start.
    placed = same | (instant == 0)
    counts = same & torch.gather(placed, 1, back) & (along_m > 0.0)
    return torch.where(counts, along_m - torch.gather(along_m, 1, back), 0.0)


EGO_PROGRESS = Metric(
    "nuplan/ego_progress", "Progress", NUPLAN, column="progress",
    curve=Curve("Progress", "share"),
)  # fmt: skip


def ego_progress(rollout: Rollout, facts: Facts) -> MetricResult:
    """min(1, max(ego, tau) / max(expert, tau)) along the route; 0 below -tau (tau = 2 m).

    The expert is the recorded ego; progress counts inside the road blocks that it drove through. 1
    where it was in no lane at all. `per_step`: with the progress so far.
    """
    route = rollout.world.expert_route
    place_m = rollout.pose[:, :, EGO, :2]
    gained_m = route.progress_m(place_m, rollout.world.lane_areas)
    ego_m = torch.where(rollout.active, gained_m, 0.0).cumsum(dim=1)
    expert_m = route.expert_m[route.row].unsqueeze(1)
    share = ego_m.clamp(min=PROGRESS_TAU_M) / expert_m.clamp(min=PROGRESS_TAU_M)
    course = torch.where(ego_m < -PROGRESS_TAU_M, 0.0, share.clamp(max=1.0))
    course = torch.where(route.known.unsqueeze(1), course, 1.0)
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
    """max(0, 1 - sum(excess * dt) / (2.23 m/s * T)). `per_step`: the excess in m/s.

    The limit is that of the ego's lane; on connectors the highest of the lanes before and after them;
    off lanes there is none. Where a drive ends in several lanes of a fork, which nuPlan's maps do not
    have, it is the highest of theirs.
    """
    areas = rollout.world.lane_areas
    own, around = areas.speed_limit_mps[areas.row], areas.neighbor_limit_mps[areas.row]
    connector = areas.is_connector[areas.row].unsqueeze(1)
    lane = torch.where(facts.lanes & ~connector, own.unsqueeze(1), 0.0).amax(dim=-1)
    best = torch.where(facts.lanes & connector, around.unsqueeze(1), 0.0).amax(dim=-1)
    limit = torch.where(lane > 0.0, lane, best)
    return overspeed(rollout, facts, torch.where(facts.lanes.any(dim=-1), limit, torch.inf))


def overspeed(rollout: Rollout, facts: Facts, limit_mps: Float[Tensor, "b t"]) -> MetricResult:
    """nuPlan's loss by the ego's excess over a limit."""
    over_mps = facts.speed_mps[:, :, EGO] - limit_mps
    excess = torch.where(rollout.active, over_mps.clamp(min=0.0), 0.0)
    steps = (rollout.active.sum(dim=1) - 1).clamp(min=1)
    value = (1.0 - excess.sum(dim=1) / (MAX_OVERSPEED_MPS * steps)).clamp(min=0.0)
    value = torch.where(rollout.active.sum(dim=1) > 1, value, 1.0)
    return MetricResult(value, rollout.active[:, 0], excess)


COMFORT = Metric(
    "nuplan/comfort", "Comfort", NUPLAN, column="comfort",
    failure=Failure("Comfort"), curve=Curve("Comfort", "pass"),
)  # fmt: skip


def comfort(rollout: Rollout, facts: Facts) -> MetricResult:
    """1 where the motion is comfortable at every instant, else 0."""
    return always(facts.comfortable, rollout.active)


SCORE = Metric(
    "nuplan/score", "Score", NUPLAN, column="score", curve=Curve("Score at most", "share")
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
