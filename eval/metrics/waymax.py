"""Waymax's metrics of the ego: per step, and their mean or worst over the episode."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from eval.metrics import courses
from eval.metrics.courses import at_last
from eval.metrics.declaration import Metric
from eval.metrics.facts import Facts
from eval.metrics.family import MetricResult
from eval.metrics.sources import WAYMAX
from eval.rollout import Rollout
from sim.geometry import se2
from sim.scenario import EGO

MAX_ACCELERATION_MPS2 = 10.4
MAX_CURVATURE_1PM = 0.3
EPSILON = 1e-3
LEAST_STEERING_MPS = 0.6
OFF_ROUTE_M = 5.0
OFF_ROUTE_BEYOND_M = 2.0  # farther from the route than from another lane that could be taken
WRONG_WAY_M = 3.5


def _bad(name: str, label: str) -> Metric:
    return Metric(f"waymax/{name}", label, WAYMAX, higher_is_better=False)


OVERLAP = _bad("overlap", "Overlap")  # of the ego's box with anyone's, whoever is at fault
OFFROAD = _bad("offroad", "Off-road")  # any corner

LOG_DIVERGENCE = Metric(
    "waymax/log_divergence", "Log divergence", WAYMAX, higher_is_better=False, unit="m"
)


def log_divergence_m(rollout: Rollout) -> Float[Tensor, "b t"]:
    """Distance between the ego and the recorded ego at the same instant."""
    log = rollout.world.log
    instants = min(rollout.num_instants, log.pose.shape[2])
    gap = rollout.pose[:, :instants, EGO, :2] - log.pose[:, EGO, :instants, :2]
    distance = gap.norm(dim=-1)
    return torch.nn.functional.pad(distance, (0, rollout.num_instants - instants))


INFEASIBLE = _bad("kinematic_infeasibility", "Kinematic infeasibility")


def is_infeasible(rollout: Rollout, facts: Facts) -> Bool[Tensor, "b t"]:
    """|acceleration| > 10.4 m/s^2 or |curvature| > 0.3 1/m between successive instants.

    Curvature is yaw change / (v dt + a dt^2 / 2), which is the distance driven; below 0.6 m/s, before
    or after, it counts as 0. Both bounds have Waymax's epsilon.
    """
    speed = facts.speed_mps[:, :, EGO]
    acceleration = torch.diff(speed, dim=1) / rollout.dt_s
    turn = se2.wrap_angle(torch.diff(rollout.pose[:, :, EGO, 2], dim=1))
    driven = 0.5 * (speed[:, 1:] + speed[:, :-1]) * rollout.dt_s
    steers = torch.minimum(speed[:, 1:], speed[:, :-1]) >= LEAST_STEERING_MPS
    curvature = torch.where(steers, turn / driven.clamp(min=1e-6), 0.0)
    bad = (acceleration.abs() > MAX_ACCELERATION_MPS2 + EPSILON) | (
        curvature.abs() > MAX_CURVATURE_1PM + EPSILON
    )
    return torch.cat((torch.zeros_like(bad[:, :1]), bad), dim=1)  # compiled, pad() takes no bool


PROGRESSION = Metric("waymax/progression", "Progression", WAYMAX)


def progression(rollout: Rollout) -> MetricResult:
    """Distance along the route over the recorded ego's at the end of its recording.

    Places are those of the nearest point of the route, every metre; 1 where the recorded ego ends at
    the point that it started at.
    """
    paths, log = rollout.world.paths, rollout.world.log
    ego_m = paths.nearest_point_m(rollout.pose[:, :, EGO, :2])
    log_m = paths.nearest_point_m(log.pose[:, EGO, :, :2])
    start_m = log_m[:, :1]
    whole_m = at_last(log_m, log.valid[:, EGO]).unsqueeze(1) - start_m
    course = torch.where(whole_m == 0.0, 1.0, (ego_m - start_m) / whole_m)
    end = rollout.active.sum(dim=1, keepdim=True) - 1
    return MetricResult(torch.gather(course, 1, end).squeeze(1), rollout.active[:, 0], course)


OFF_ROUTE = _bad("off_route", "Off route")
WRONG_WAY = _bad("wrong_way", "Wrong way")


def is_off_route(
    on_route_m: Float[Tensor, "b t"], elsewhere_m: Float[Tensor, "b t"]
) -> Bool[Tensor, "b t"]:
    """More than 5 m from the route, or 2 m farther from it than from another lane."""
    return (on_route_m > OFF_ROUTE_M) | (on_route_m > elsewhere_m + OFF_ROUTE_BEYOND_M)


def is_wrong_way(
    on_route_m: Float[Tensor, "b t"], elsewhere_m: Float[Tensor, "b t"]
) -> Bool[Tensor, "b t"]:
    """3.5 m or more from every lane that the ego may take."""
    return torch.minimum(on_route_m, elsewhere_m) >= WRONG_WAY_M


def lane_distances_m(rollout: Rollout) -> tuple[Float[Tensor, "b t"], Float[Tensor, "b t"]]:
    """Distance to the nearest centreline of the route, and of the other lanes within reach.

    Waymax takes all paths that the ego may legally drive from its start: `sim.maps.reachable`.
    """
    x, y = rollout.pose[:, :, EGO, :2].unsqueeze(2).unbind(-1)
    lane_x, lane_y, on_route = rollout.world.reachable.unsqueeze(1).unbind(-1)
    gap_sq = (x - lane_x) ** 2 + (y - lane_y) ** 2
    nearest_sq = torch.where(on_route > 0.5, gap_sq, torch.inf).amin(dim=-1)
    elsewhere_sq = torch.where(on_route > 0.5, torch.inf, gap_sq).amin(dim=-1)
    return torch.sqrt(nearest_sq), torch.sqrt(elsewhere_sq)


class WaymaxMetrics:
    """All of them."""

    metrics = (OVERLAP, OFFROAD, WRONG_WAY, OFF_ROUTE, INFEASIBLE, LOG_DIVERGENCE, PROGRESSION)

    def compute(self, rollout: Rollout, facts: Facts) -> dict[str, MetricResult]:
        """Each of its course over the episode."""
        active, distances = rollout.active, lane_distances_m(rollout)
        return {
            OVERLAP.key: courses.ever(facts.touching.any(dim=1), active),
            OFFROAD.key: courses.ever(facts.offroad_m > 0.0, active),
            WRONG_WAY.key: courses.ever(is_wrong_way(*distances), active),
            OFF_ROUTE.key: courses.ever(is_off_route(*distances), active),
            INFEASIBLE.key: courses.ever(is_infeasible(rollout, facts), active),
            LOG_DIVERGENCE.key: courses.mean(log_divergence_m(rollout), active),
            PROGRESSION.key: progression(rollout),
        }
