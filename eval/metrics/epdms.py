"""NAVSIM v2's extended PDM score (EPDMS) with all its parts, over a closed-loop episode.

EPDMS = NC * DAC * DDC * TLC x (5 EP + 5 TTC + 2 LK + 2 HC + 2 EC) / 16

(navsim 0a380a9, `pdm_scorer.py`, `pdm_comfort_metrics.py`). NAVSIM scores 4 s of a plan from each frame;
here the driven episode is the one window, as for PDMS v1.1. Left out, because they belong to that set-up:
the weights of the two stages, and the filter that forgives where the human fails. EP compares with the
recorded ego instead of PDM-Closed. HC is the comfort of the drive, whose history is the drive itself.
DAC and TTC are those of PDMS v1.1, NC its collision term.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from eval.metrics import navsim
from eval.metrics.courses import always
from eval.metrics.declaration import Metric
from eval.metrics.extended_comfort import extended_comfort
from eval.metrics.facts import Facts
from eval.metrics.family import MetricResult
from eval.metrics.navsim import LEAST_PROGRESS_M, CommonTerms, route_gains_m
from eval.metrics.nuplan import ONCOMING_M
from eval.metrics.sources import NAVSIM_V2
from eval.rollout import Rollout
from sim.geometry import box
from sim.maps.lane_bits import AreaBit
from sim.scenario import EGO, LightState

MOST_OFFSET_M, OFFSET_S = 0.5, 2.0
# Plain ints: compiled, a tensor compared with an enum's member is silently False.
_RED, _INTERSECTION = int(LightState.RED), int(AreaBit.INTERSECTION)


def _part(name: str, label: str) -> Metric:
    return Metric(f"navsim/{name}", label, NAVSIM_V2)


EPDMS = Metric("navsim/epdms", "EPDMS", NAVSIM_V2, column="epdms")
NO_COLLISION = _part("no_at_fault_collision", "No at-fault collision (NAVSIM)")
DIRECTION = _part("driving_direction_compliance", "Driving direction (NAVSIM)")
LIGHTS = _part("traffic_light_compliance", "Traffic lights (NAVSIM)")
PROGRESS = _part("ego_progress", "Progress (NAVSIM)")
LANE_KEEPING = _part("lane_keeping", "Lane keeping (NAVSIM)")
HISTORY_COMFORT = _part("history_comfort", "History comfort (NAVSIM)")
EXTENDED_COMFORT = _part("extended_comfort", "Extended comfort (NAVSIM)")


def driving_direction(rollout: Rollout, under: Bool[Tensor, "b t 9 k"]) -> MetricResult:
    """1, 0.5, 0 for less than 2 m, less than 6 m, more, driven within 1 s with the centre neither in a
    lane of the route's blocks nor in an intersection.

    The 1 s before an instant and its own step are summed. 1 where no lane is known to be on the route.
    """
    areas = rollout.world.lane_areas
    on_route = areas.on_route[areas.row]
    place = rollout.pose[:, :, EGO, :2]
    inside = under[:, :, 0]
    allowed = (inside & on_route.unsqueeze(1)).any(dim=-1) | _in_intersection(rollout)
    step_m = torch.nn.functional.pad(place.diff(dim=1).norm(dim=-1), (1, 0))
    off_m = torch.where(~allowed & rollout.active & on_route.any(dim=-1, keepdim=True), step_m, 0.0)
    total = off_m.cumsum(dim=1)
    window = int(1.0 / rollout.dt_s + 1e-6) + 1
    before = torch.nn.functional.pad(total, (window, 0))[:, : total.shape[1]]
    worst = (total - before).cummax(dim=1).values
    course = torch.where(worst < ONCOMING_M[0], 1.0, torch.where(worst < ONCOMING_M[1], 0.5, 0.0))
    return MetricResult(course[:, -1], rollout.active[:, 0], course)


def traffic_lights(rollout: Rollout, under: Bool[Tensor, "b t 9 k"]) -> MetricResult:
    """0 where the ego's box is ever in a connector of its route whose light is red then, even if it
    entered on green, else 1. Nine points of the box are looked at, not its area.
    """
    world, areas = rollout.world, rollout.world.lane_areas
    if world.light_state.shape[1] == 0:
        return always(torch.ones_like(rollout.active), rollout.active)
    light = torch.where(areas.on_route, areas.light, -1)[areas.row]
    last = world.light_state.shape[2] - 1
    instant = torch.arange(rollout.num_instants, device=light.device).clamp(max=last)
    state = torch.gather(
        world.light_state[:, :, instant], 1,
        light.clamp(min=0).unsqueeze(-1).expand(-1, -1, len(instant)),
    )  # fmt: skip
    red = ((state == _RED) & (light >= 0).unsqueeze(-1)).transpose(1, 2)
    touched = (under.any(dim=2) & red).any(dim=-1)
    return always(~touched, rollout.active)


def lane_keeping(rollout: Rollout) -> MetricResult:
    """0 where the centre is more than 0.5 m beside the route's line for 2 s on end, else 1.

    Instants in an intersection are skipped: they neither count nor interrupt.
    """
    ego, paths = rollout.pose[:, :, EGO], rollout.world.paths
    _, offset = paths.along(paths.agent_path[:, EGO].unsqueeze(1), ego)
    counts = ~_in_intersection(rollout) & rollout.active
    far = (offset.abs() > MOST_OFFSET_M) & counts
    near = ~far & counts
    number = far.cumsum(dim=1)
    run = number - torch.where(near, number, 0).cummax(dim=1).values
    enough = math.ceil(OFFSET_S / rollout.dt_s - 1e-6)
    return always(run < enough, rollout.active)


def _in_intersection(rollout: Rollout) -> Bool[Tensor, "b t"]:
    areas = rollout.world.field.area_bits_at(rollout.pose[:, :, EGO, :2])
    return (areas & _INTERSECTION) != 0


def progress(rollout: Rollout, facts: Facts, gates: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """Metres along the route over the most of the recorded ego's and the ego's own times its gates;
    1 where that most is 5 m or less.
    """
    ego_m, log_m = route_gains_m(rollout, facts)
    best = torch.maximum(ego_m * gates, log_m)
    share = (ego_m / best.clamp(min=LEAST_PROGRESS_M)).clamp(max=1.0)
    return torch.where(best > LEAST_PROGRESS_M, share, 1.0)


METRICS = (
    EPDMS, NO_COLLISION, DIRECTION, LIGHTS, PROGRESS, LANE_KEEPING, HISTORY_COMFORT,
    EXTENDED_COMFORT,
)  # fmt: skip


def epdms(rollout: Rollout, facts: Facts, terms: CommonTerms) -> dict[str, MetricResult]:
    """The score, and those of its parts that PDMS v1.1 has not.

    Where there is no extended comfort (a policy gives no plans) its weight is left out.
    """
    under = _lanes_under(rollout)
    direction, lights = driving_direction(rollout, under), traffic_lights(rollout, under)
    gates = terms.collision * terms.drivable.value * direction.value * lights.value
    gained = progress(rollout, facts, gates)
    keeping, extended = lane_keeping(rollout), extended_comfort(rollout)
    planned = extended.valid.float()
    total = 5.0 * gained + 5.0 * terms.ttc.value + 2.0 * keeping.value + 2.0 * terms.comfort.value
    total = total + 2.0 * planned * extended.value
    course = terms.drivable.per_step * direction.per_step * lights.per_step
    valid = rollout.active[:, 0]
    return {
        EPDMS.key: MetricResult(gates * total / (14.0 + 2.0 * planned), valid, course),
        NO_COLLISION.key: MetricResult(terms.collision, valid, _held(terms.collision, course)),
        DIRECTION.key: direction,
        LIGHTS.key: lights,
        PROGRESS.key: MetricResult(gained, valid, _held(gained, course)),
        LANE_KEEPING.key: keeping,
        HISTORY_COMFORT.key: terms.comfort,
        EXTENDED_COMFORT.key: extended,
    }


class NavsimMetrics:
    """Both versions of the score, with their parts."""

    metrics = (*navsim.METRICS, *METRICS)

    def compute(self, rollout: Rollout, facts: Facts) -> dict[str, MetricResult]:
        """What the versions share is found once."""
        terms = CommonTerms.of(rollout, facts)
        return navsim.pdms(rollout, facts, terms) | epdms(rollout, facts, terms)


def _lanes_under(rollout: Rollout) -> Bool[Tensor, "b t 9 k"]:
    """The lanes under the centre, the corners and the middles of the sides of the ego's box."""
    ego, areas = rollout.pose[:, :, EGO], rollout.world.lane_areas
    corner = box.corners(ego, rollout.world.size_m[:, None, EGO, :2])
    middle = 0.5 * (corner + corner.roll(-1, dims=2))
    points = torch.cat((ego[:, :, None, :2], corner, middle), dim=2)
    return areas.hold(points)


def _held(value: Float[Tensor, " b"], like: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
    return value.unsqueeze(1).expand(like.shape)
