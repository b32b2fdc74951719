"""nuPlan's closed-loop score (CLS), part by part.

score = NC * DAC * MakingProgress * DDC x (5 EP + 5 TTC + 4 SpeedLimit + 2 Comfort) / 16
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from eval.metrics.collision import Contacts, allowed_contacts
from eval.metrics.comfort import ego_comfort
from eval.metrics.progress import Progress, at_last
from eval.metrics.result import MetricResult
from eval.metrics.ttc import nuplan_ttc_ok
from eval.rollout import Rollout
from sim.geometry import box
from sim.scenario import EGO

OFFROAD_TOLERANCE_M = 0.3
ONCOMING_M = (2.0, 6.0)
LEAST_PROGRESS = 0.2
PROGRESS_TAU_M = 2.0
MAX_OVERSPEED_MPS = 2.23
WEIGHTS = {
    "ego_progress": 5.0,
    "time_to_collision": 5.0,
    "speed_limit_compliance": 4.0,
    "comfort": 2.0,
}


def evaluate_nuplan(
    rollout: Rollout, contacts: Contacts, progress: Progress
) -> dict[str, MetricResult]:
    """Every part and the score, under `nuplan/...`."""
    parts = {
        "no_at_fault_collision": no_at_fault_collision(rollout, contacts),
        "drivable_area_compliance": drivable_area_compliance(rollout, OFFROAD_TOLERANCE_M),
        "driving_direction_compliance": driving_direction_compliance(rollout),
        "ego_progress": ego_progress(rollout, progress),
        "time_to_collision": _all_instants(nuplan_ttc_ok(rollout, contacts), rollout),
        "speed_limit_compliance": speed_limit_compliance(rollout, progress),
        "comfort": _all_instants(ego_comfort(rollout), rollout),
    }
    made = parts["ego_progress"]
    enough = (made.value >= LEAST_PROGRESS).float()
    parts["making_progress"] = MetricResult(enough, made.valid, made.per_step)
    parts["score"] = closed_loop_score(parts, rollout)
    return {f"nuplan/{name}": result for name, result in parts.items()}


def closed_loop_score(parts: dict[str, MetricResult], rollout: Rollout) -> MetricResult:
    """The product of the gates and the weighted mean; parts without a value leave with their weight.

    `per_step`: the product of the gates so far.
    """
    gates = torch.ones_like(rollout.active[:, 0], dtype=torch.float32)
    course = torch.ones_like(rollout.active, dtype=torch.float32)
    for name in (
        "no_at_fault_collision", "drivable_area_compliance",
        "driving_direction_compliance", "making_progress",
    ):  # fmt: skip
        part = parts[name]
        gates = gates * torch.where(part.valid, part.value, 1.0)
        if name != "making_progress":
            course = course * part.per_step
    total, weights = torch.zeros_like(gates), torch.zeros_like(gates)
    for name, weight in WEIGHTS.items():
        total += torch.where(parts[name].valid, weight * parts[name].value, 0.0)
        weights += weight * parts[name].valid
    value = gates * total / weights.clamp(min=1e-6)
    return MetricResult(value, weights > 0, course)


def no_at_fault_collision(rollout: Rollout, contacts: Contacts) -> MetricResult:
    """Product over {vulnerable, vehicle: 0 allowed; object: 1 allowed} of max(0, 1 - n/(allowed+1)).

    `per_step`: the same with the contacts so far.
    """
    allowed = allowed_contacts(rollout.world.kind[:, 1:]).unsqueeze(-1)
    count = contacts.at_fault.cumsum(dim=-1)
    objects = torch.where(allowed > 0, count, 0).sum(dim=1)
    users = torch.where(allowed == 0, count, 0).sum(dim=1)
    course = (1.0 - objects / 2.0).clamp(min=0.0) * (users == 0)
    return MetricResult(course[:, -1], rollout.active[:, 0], course)


def drivable_area_compliance(rollout: Rollout, tolerance_m: float) -> MetricResult:
    """0 from the first instant at which a corner is `tolerance_m` or more off the drivable area."""
    size = rollout.world.size_m[:, None, EGO, :2]
    corners = box.corners(rollout.pose[:, :, EGO], size)
    off = rollout.world.field.offroad_distance_m(corners).amax(dim=-1) >= tolerance_m
    course = ((off & rollout.active).cumsum(dim=1) == 0).float()
    return MetricResult(course[:, -1], rollout.active[:, 0], course)


def driving_direction_compliance(rollout: Rollout) -> MetricResult:
    """1, 0.5, 0 for less than 2 m, less than 6 m, more, driven against the lanes within 1 s."""
    pose = rollout.pose[:, :, EGO]
    on_lane, along = rollout.world.field.lane_flow(pose[..., :2], pose[..., 2])
    step = rollout.velocity_mps[:, :, EGO].norm(dim=-1) * rollout.dt_s
    against = torch.where(on_lane & ~along & rollout.active, step, 0.0)
    window = max(1, round(1.0 / rollout.dt_s))
    total = against.cumsum(dim=1)
    before = torch.nn.functional.pad(total, (window, 0))[:, : total.shape[1]]
    worst = (total - before).cummax(dim=1).values
    course = torch.where(worst < ONCOMING_M[0], 1.0, torch.where(worst < ONCOMING_M[1], 0.5, 0.0))
    return MetricResult(course[:, -1], rollout.active[:, 0], course)


def ego_progress(rollout: Rollout, progress: Progress) -> MetricResult:
    """min(1, max(ego, tau) / max(expert, tau)) along the route; 0 below -tau (tau = 2 m).

    The expert is the recorded ego. `per_step`: with the progress so far.
    """
    ego, expert = progress.ego_s_m, progress.log_s_m
    expert_m = at_last(expert, rollout.world.log.valid[:, EGO]) - expert[:, 0]
    expert_m = expert_m.clamp(min=PROGRESS_TAU_M).unsqueeze(1)
    gained = _hold_last(ego, rollout.active) - ego[:, :1]
    course = (gained.clamp(min=PROGRESS_TAU_M) / expert_m).clamp(max=1.0)
    course = torch.where(gained < -PROGRESS_TAU_M, 0.0, course)
    return MetricResult(course[:, -1], rollout.active[:, 0], course)


def speed_limit_compliance(rollout: Rollout, progress: Progress) -> MetricResult:
    """max(0, 1 - sum(excess * dt) / (2.23 m/s * T)). `per_step`: the excess in m/s."""
    paths, s = rollout.world.paths, progress.ego_s_m
    limits = paths.speed_limit_mps[paths.row, paths.agent_path[:, EGO]]
    limit = torch.gather(limits, 1, torch.round(s).clamp(0, limits.shape[1] - 1).long())
    speed = rollout.velocity_mps[:, :, EGO].norm(dim=-1)
    excess = torch.where(rollout.active, (speed - limit).clamp(min=0.0), 0.0)
    duration = rollout.active.sum(dim=1).clamp(min=1)
    value = (1.0 - excess.sum(dim=1) / (MAX_OVERSPEED_MPS * duration)).clamp(min=0.0)
    return MetricResult(value, rollout.active[:, 0], excess)


def _all_instants(ok: Bool[Tensor, "b t"], rollout: Rollout) -> MetricResult:
    """1 if it holds at every active instant, else 0."""
    course = (ok | ~rollout.active).float()
    return MetricResult(course.amin(dim=1), rollout.active[:, 0], course)


def _hold_last(values: Float[Tensor, "b t"], active: Bool[Tensor, "b t"]) -> Float[Tensor, "b t"]:
    """After the end of each world, the value at its end."""
    index = torch.arange(active.shape[1], device=active.device)
    last = (active * index).amax(dim=1, keepdim=True)
    return torch.gather(values, 1, torch.minimum(index.unsqueeze(0).expand_as(values), last))
