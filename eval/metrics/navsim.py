"""NAVSIM's PDM score, over a closed-loop episode.

PDMS = NC * DAC x (5 EP + 5 TTC + 2 C) / 12. NAVSIM scores 4 s; here the whole episode counts. EP
compares with the recorded ego instead of PDM-Closed, and is 1 where neither gets 5 m far.
"""

import torch

from eval.metrics.collision import Contacts, allowed_contacts
from eval.metrics.comfort import ego_comfort
from eval.metrics.nuplan import drivable_area_compliance
from eval.metrics.progress import Progress
from eval.metrics.result import MetricResult
from eval.metrics.ttc import navsim_ttc_ok
from eval.rollout import Rollout

LEAST_PROGRESS_M = 5.0


def evaluate_navsim(
    rollout: Rollout, contacts: Contacts, progress: Progress
) -> dict[str, MetricResult]:
    """`navsim/pdms` and its parts that differ from nuPlan's."""
    static = allowed_contacts(rollout.world.kind[:, 1:]).unsqueeze(-1) > 0
    users = (contacts.at_fault & ~static).any(dim=(1, 2))
    objects = (contacts.at_fault & static).any(dim=(1, 2))
    collision = torch.where(users, 0.0, torch.where(objects, 0.5, 1.0))
    drivable = drivable_area_compliance(rollout, tolerance_m=1e-3)
    ok = navsim_ttc_ok(rollout) | ~rollout.active
    ttc = ok.all(dim=1).float()
    comfort = (ego_comfort(rollout) | ~rollout.active).all(dim=1).float()
    made = _progress(rollout, progress)
    value = collision * drivable.value * (5.0 * made + 5.0 * ttc + 2.0 * comfort) / 12.0
    valid = rollout.active[:, 0]
    return {
        "navsim/pdms": MetricResult(value, valid, drivable.per_step),
        "navsim/drivable_area_compliance": drivable,
        "navsim/time_to_collision": MetricResult(ttc, valid, ok.float()),
    }


def _progress(rollout: Rollout, progress: Progress) -> torch.Tensor:
    """The ego's progress over the larger of its own and the recorded ego's."""
    last = rollout.active.sum(dim=1, keepdim=True) - 1
    ego, log = progress.ego_s_m, progress.log_s_m
    ego_m = (torch.gather(ego, 1, last) - ego[:, :1]).squeeze(1).clamp(min=0.0)
    log_m = torch.gather(log, 1, last.clamp(max=log.shape[1] - 1)) - log[:, :1]
    best = torch.maximum(ego_m, log_m.squeeze(1))
    return torch.where(best <= LEAST_PROGRESS_M, 1.0, ego_m / best.clamp(min=LEAST_PROGRESS_M))
