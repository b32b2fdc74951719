"""NAVSIM's PDM score (v1.1), over a closed-loop episode.

PDMS = NC * DAC x (5 EP + 5 TTC + 2 C) / 12. NAVSIM scores 4 s; here the whole episode counts. EP
compares with the recorded ego instead of PDM-Closed, and is 1 where neither gets 5 m far. Rules are
those of v1.1; comfort is judged with nuPlan's windows, as in v2, because v1.1 fits one polynomial to its 4 s.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eval.metrics.courses import always
from eval.metrics.declaration import Metric
from eval.metrics.facts import Facts, blame
from eval.metrics.family import MetricResult
from eval.metrics.nuplan import drivable_area_compliance
from eval.metrics.sources import NAVSIM
from eval.metrics.ttc import NAVSIM_TIME_TO_COLLISION, navsim_time_to_collision
from eval.rollout import Rollout

LEAST_PROGRESS_M = 5.0
OFFROAD_TOLERANCE_M = 1e-3  # NAVSIM tolerates nothing: this is for rounding

PDMS = Metric("navsim/pdms", "PDMS", NAVSIM, column="pdms")
DRIVABLE_AREA = Metric(
    "navsim/drivable_area_compliance", "Drivable area (NAVSIM)", NAVSIM
)  # fmt: skip


def no_collision(rollout: Rollout, facts: Facts) -> Float[Tensor, " b"]:
    """0 after an at-fault collision with a road user, 0.5 after one with an object, else 1.

    Who overlaps the ego at the start is left out; off the road an ego is in no lane.
    """
    keeps_lane = facts.in_single_lane & (facts.offroad_m <= 0.0)
    begins = facts.contact_begins & ~facts.touching[..., :1]
    hit = begins & blame(rollout, facts.speed_mps, keeps_lane)
    users = (hit & ~facts.is_object.unsqueeze(-1)).any(dim=(1, 2))
    objects = (hit & facts.is_object.unsqueeze(-1)).any(dim=(1, 2))
    return torch.where(users, 0.0, torch.where(objects, 0.5, 1.0))


def route_gains_m(
    rollout: Rollout, facts: Facts
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """Metres that the ego and the recorded ego get on along the route, at least 0."""
    last = rollout.active.sum(dim=1, keepdim=True) - 1
    ego, log = facts.route_s_m, facts.expert_s_m
    ego_m = (torch.gather(ego, 1, last) - ego[:, :1]).squeeze(1).clamp(min=0.0)
    log_m = torch.gather(log, 1, last.clamp(max=log.shape[1] - 1)) - log[:, :1]
    return ego_m, log_m.squeeze(1).clamp(min=0.0)


def _progress(rollout: Rollout, facts: Facts) -> Float[Tensor, " b"]:
    """The ego's progress over the larger of its own and the recorded ego's."""
    ego_m, log_m = route_gains_m(rollout, facts)
    best = torch.maximum(ego_m, log_m)
    return torch.where(best <= LEAST_PROGRESS_M, 1.0, ego_m / best.clamp(min=LEAST_PROGRESS_M))


@dataclass(frozen=True)
class CommonTerms:
    """The terms that versions 1 and 2 of the score share."""

    drivable: MetricResult
    collision: Float[Tensor, " b"]
    ttc: MetricResult
    comfort: MetricResult

    @staticmethod
    def of(rollout: Rollout, facts: Facts) -> "CommonTerms":
        """Each once."""
        return CommonTerms(
            drivable_area_compliance(rollout, facts, OFFROAD_TOLERANCE_M),
            no_collision(rollout, facts),
            navsim_time_to_collision(rollout, facts),
            always(facts.comfortable, rollout.active),
        )


METRICS = (PDMS, DRIVABLE_AREA, NAVSIM_TIME_TO_COLLISION)


def pdms(rollout: Rollout, facts: Facts, terms: CommonTerms) -> dict[str, MetricResult]:
    """The score, and the parts of it that are not nuPlan's; the course of the score is its gate's."""
    parts = 5.0 * _progress(rollout, facts) + 5.0 * terms.ttc.value + 2.0 * terms.comfort.value
    value = terms.collision * terms.drivable.value * parts / 12.0
    return {
        PDMS.key: MetricResult(value, rollout.active[:, 0], terms.drivable.per_step),
        DRIVABLE_AREA.key: terms.drivable,
        NAVSIM_TIME_TO_COLLISION.key: terms.ttc,
    }
