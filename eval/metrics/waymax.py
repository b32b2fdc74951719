"""Waymax's metrics of the ego: per step, and their mean or worst over the episode."""

import torch
from jaxtyping import Float
from torch import Tensor

from eval.metrics.progress import Progress, at_last
from eval.metrics.result import MetricResult
from eval.rollout import Rollout
from sim.geometry import box
from sim.scenario import EGO

MAX_ACCELERATION_MPS2 = 10.4
MAX_CURVATURE_1PM = 0.3
OFF_ROUTE_M = 5.0
OFF_ROUTE_BEYOND_M = 2.0  # farther from the route than from another lane that could be taken
WRONG_WAY_M = 3.5


def evaluate_waymax(rollout: Rollout, progress: Progress) -> dict[str, MetricResult]:
    """Log divergence, overlap, off-road, infeasible kinematics, progression, off-route, wrong way."""
    on_route_m, elsewhere_m = _lane_distances(rollout)
    results = {
        "log_divergence": _mean(_log_divergence(rollout), rollout),
        "overlap": _any(_overlap(rollout), rollout),
        "offroad": _any(_offroad(rollout), rollout),
        "kinematic_infeasibility": _any(_infeasible(rollout), rollout),
        "progression": _progression(rollout, progress),
        "off_route": _any(_off_route(on_route_m, elsewhere_m), rollout),
        "wrong_way": _any(torch.minimum(on_route_m, elsewhere_m) >= WRONG_WAY_M, rollout),
    }
    return {f"waymax/{name}": result for name, result in results.items()}


def _log_divergence(rollout: Rollout) -> Float[Tensor, "b t"]:
    """Distance between the ego and the recorded ego at the same instant."""
    log = rollout.world.log
    instants = min(rollout.num_instants, log.pose.shape[2])
    gap = rollout.pose[:, :instants, EGO, :2] - log.pose[:, EGO, :instants, :2]
    distance = gap.norm(dim=-1)
    return torch.nn.functional.pad(distance, (0, rollout.num_instants - instants))


def _overlap(rollout: Rollout) -> Tensor:
    """Whether the ego's box overlaps anyone's, whoever is at fault."""
    size = rollout.world.size_m[..., :2]
    depth = box.penetration_m(
        rollout.pose[:, :, :1], size[:, None, :1], rollout.pose[:, :, 1:], size[:, None, 1:]
    )
    return ((depth > 0.0) & rollout.valid[:, :, 1:]).any(dim=-1)


def _offroad(rollout: Rollout) -> Tensor:
    """Whether any corner is off the drivable area."""
    corners = box.corners(rollout.pose[:, :, EGO], rollout.world.size_m[:, None, EGO, :2])
    return rollout.world.field.offroad_distance_m(corners).amax(dim=-1) > 0.0


def _infeasible(rollout: Rollout) -> Tensor:
    """|acceleration| > 10.4 m/s^2 or |curvature| > 0.3 1/m between successive instants."""
    pose = rollout.pose[:, :, EGO]
    speed = rollout.velocity_mps[:, :, EGO].norm(dim=-1)
    acceleration = torch.diff(speed, dim=1) / rollout.dt_s
    turn = torch.remainder(torch.diff(pose[..., 2], dim=1) + torch.pi, 2 * torch.pi) - torch.pi
    # Waymax: steering curvature = yaw change / (v dt + a dt^2 / 2), which is the distance driven.
    driven = 0.5 * (speed[:, 1:] + speed[:, :-1]) * rollout.dt_s
    curvature = turn / driven.clamp(min=0.06)  # below 0.6 m/s Waymax does not judge steering
    bad = (acceleration.abs() > MAX_ACCELERATION_MPS2) | (curvature.abs() > MAX_CURVATURE_1PM)
    return torch.cat((torch.zeros_like(bad[:, :1]), bad), dim=1)  # compiled, pad() takes no bool


def _progression(rollout: Rollout, progress: Progress) -> MetricResult:
    """Distance along the route over the recorded ego's at the end of its recording."""
    ego, log = progress.ego_s_m, progress.log_s_m
    whole = at_last(log, rollout.world.log.valid[:, EGO]).unsqueeze(1) - log[:, :1]
    course = (ego - ego[:, :1]) / whole.clamp(min=1.0)
    end = rollout.active.sum(dim=1, keepdim=True) - 1
    moved = (whole >= 1.0).squeeze(1)
    return MetricResult(torch.gather(course, 1, end).squeeze(1), moved, course)


def _lane_distances(rollout: Rollout) -> tuple[Tensor, Tensor]:
    """Distance `[B, T]` to the nearest centreline of the route, and of the other lanes within reach.

    Waymax takes all paths that the ego may legally drive from its start: `sim.maps.reachable`.
    """
    x, y = rollout.pose[:, :, EGO, :2].unsqueeze(2).unbind(-1)
    lane_x, lane_y, on_route = rollout.world.reachable.unsqueeze(1).unbind(-1)
    gap_sq = (x - lane_x) ** 2 + (y - lane_y) ** 2
    nearest_sq = torch.where(on_route > 0.5, gap_sq, torch.inf).amin(dim=-1)
    elsewhere_sq = torch.where(on_route > 0.5, torch.inf, gap_sq).amin(dim=-1)
    return torch.sqrt(nearest_sq), torch.sqrt(elsewhere_sq)


def _off_route(on_route_m: Tensor, elsewhere_m: Tensor) -> Tensor:
    """More than 5 m from the route, or 2 m farther from it than from another lane."""
    return (on_route_m > OFF_ROUTE_M) | (on_route_m > elsewhere_m + OFF_ROUTE_BEYOND_M)


def _any(bad: Tensor, rollout: Rollout) -> MetricResult:
    course = (bad & rollout.active).float()
    return MetricResult(course.amax(dim=1), rollout.active[:, 0], course)


def _mean(values: Tensor, rollout: Rollout) -> MetricResult:
    course = torch.where(rollout.active, values, 0.0)
    return MetricResult(
        course.sum(dim=1) / rollout.active.sum(dim=1).clamp(min=1), rollout.active[:, 0], course
    )
