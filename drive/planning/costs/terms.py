"""The named terms of an interpretable cost, of every candidate (P3, Sadat et al. 2020, section 3.3)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.candidates import DT_S, Candidates
from drive.planning.costs.footprint import footprint_m, look_up
from drive.planning.costs.foretold import GRID
from drive.planning.costs.lane_distance import FURTHEST_M, lane_distances_m
from drive.planning.idm_rollout import limit_here_mps
from drive.planning.route_frame import place_on_route, project
from sim.geometry import se2
from sim.geometry.grid import BevGrid
from sim.interface import EgoState, Observation

EACH = ("collision", "clearance", "headway", "red_light")
"""terms of safety, of each instant"""
WHOLE = (
    "lane", "wrong_lane", "off_lanes", "route", "progress", "route_end", "speeding", "acceleration",
    "braking", "jerk", "lateral", "turning",
)  # fmt: skip
"""terms of the whole trajectory"""
_WIDER_M, _LONGER_M = 0.6, 1.0
_AHEAD_S = (0.4, 0.8, 1.2, 1.6)  # of the way at the present speed: where a leader would be too near
LANE_HALF_M = 1.5  # who is farther from the middle of any lane leaves the road
_FAST_MPS = 10.0  # what becomes 1


@dataclass(frozen=True)
class Terms:
    """Values of `EACH` at each instant and of `WHOLE`, none below 0 but `progress`, which is minus it."""

    each: Float[Tensor, "b k t s"]
    whole: Float[Tensor, "b k r"]

    def named(self) -> dict[str, Float[Tensor, "b k"]]:
        """All of them by name, those of each instant summed."""
        parts: dict[str, Tensor] = dict(zip(EACH, self.each.sum(dim=2).unbind(-1), strict=True))
        return parts | dict(zip(WHOLE, self.whole.unbind(-1), strict=True))


def terms_of(
    observation: Observation,
    candidates: Candidates,
    occupancy: Float[Tensor, "b t x y"],
    grid: BevGrid = GRID,
) -> Terms:
    """Of all candidates; `occupancy` at the instants of the candidates."""
    trajectory, ego = candidates.trajectory, observation.ego
    each = (
        *_occupied(trajectory, occupancy, ego, grid),
        _past_red(observation, trajectory),
    )
    whole = (
        *_off_lanes(observation, trajectory, grid),
        *_along_route(observation, trajectory),
        *_comfort(trajectory, ego),
    )
    return Terms(torch.stack(each, dim=-1), torch.stack(whole, dim=-1))


def _occupied(
    trajectory: Float[Tensor, "b k t 5"], occupancy: Tensor, ego: EgoState, grid: BevGrid
) -> tuple[Tensor, Tensor, Tensor]:
    """collision: most under the footprint; clearance: most under a wider one, the more the faster (P3,
    eq. 7); headway: most ahead of it, the more the faster."""
    fast = trajectory[..., 3] / _FAST_MPS
    share = torch.tensor(_AHEAD_S, device=fast.device)
    nose_m = footprint_m(ego.size_m).amax(dim=1, keepdim=True) * torch.tensor((1.0, 0.0)).to(share)

    def most(point_m: Tensor, ahead_s: Tensor | None = None) -> Tensor:
        return look_up(occupancy, grid, trajectory, point_m, ahead_s).amax(dim=-1)

    inside = most(footprint_m(ego.size_m))
    around = most(footprint_m(ego.size_m, _WIDER_M, _LONGER_M))
    follows = most(nose_m.expand(-1, len(share), -1), share)
    return inside, fast * around, fast * follows


def _past_red(observation: Observation, trajectory: Float[Tensor, "b k t 5"]) -> Tensor:
    """1 from when the front passes the stop line of a red light."""
    route = observation.route
    stop_s = route.stop_s_m
    is_red = torch.isfinite(stop_s)
    line_s = torch.where(is_red, stop_s, 0.0)
    line, _ = place_on_route(route, line_s, torch.zeros_like(line_s))
    front_m = 0.5 * observation.ego.size_m[:, 0].reshape(-1, 1, 1)
    x, y, yaw = trajectory[..., :3].unbind(-1)
    front = torch.stack((x + front_m * torch.cos(yaw), y + front_m * torch.sin(yaw)), dim=-1)
    beyond = se2.transform_points(se2.inverse(line)[:, None, None], front)[..., 0] > 0.0
    here = (
        se2.transform_points(se2.inverse(line), torch.zeros_like(line[:, :2]))[:, 0]
        + front_m[:, 0, 0]
    )
    asked = is_red & (here <= 0.0)
    return (beyond.cummax(dim=2).values & asked[:, None, None]).to(x.dtype)


def _off_lanes(
    observation: Observation, trajectory: Float[Tensor, "b k t 5"], grid: BevGrid
) -> tuple[Tensor, ...]:
    """Means over time, in metres: off the middle of lanes that the ego may be in; nearer to one that it
    may not; off all lanes; off the route."""
    distance_m = lane_distances_m(observation, grid.coarse(2))
    near_m = FURTHEST_M - distance_m  # 0 off the grid: far
    kinds, instants = near_m.shape[1], trajectory.shape[2]
    volume = near_m.repeat_interleave(instants, dim=1)
    center_m = torch.zeros_like(observation.ego.size_m).unsqueeze(1)
    seen = look_up(volume, grid.coarse(2), trajectory.repeat(1, 1, kinds, 1), center_m, smooth=True)
    any_m, allowed_m, route_m = (FURTHEST_M - seen).squeeze(3).unflatten(2, (kinds, -1)).unbind(2)
    wrong = allowed_m - any_m
    off = (any_m - LANE_HALF_M).clamp(min=0.0)
    return tuple(part.mean(dim=2) for part in (allowed_m, wrong, off, route_m))


def _along_route(
    observation: Observation, trajectory: Float[Tensor, "b k t 5"]
) -> tuple[Tensor, Tensor, Tensor]:
    """Minus the way gained, over that at 10 m/s; how far from the route it ends; speed above the limit."""
    route = observation.route
    s_m, offset_m, _ = project(route, trajectory[:, :, -1, :2])
    horizon_m = _FAST_MPS * DT_S * trajectory.shape[2]
    gained = (s_m - route.ego_s_m.unsqueeze(1)) / horizon_m
    over = (trajectory[..., 3] - limit_here_mps(route)[:, None, None]).clamp(min=0.0)
    return -gained, offset_m.abs().clamp(max=FURTHEST_M), over.mean(dim=2)


def _comfort(trajectory: Float[Tensor, "b k t 5"], ego: EgoState) -> tuple[Tensor, ...]:
    """Mean squares: of acceleration, braking, jerk, acceleration across and change of curvature."""
    speed, curvature = trajectory[..., 3], trajectory[..., 4]
    shape = speed[..., :1].shape
    speeds = torch.cat((ego.speed_mps[:, None, None].expand(shape), speed), dim=2)
    along = torch.diff(speeds, dim=2) / DT_S
    before = ego.acceleration_mps2[:, None, None].expand(shape)
    jerk = torch.diff(torch.cat((before, along), dim=2), dim=2) / DT_S
    across = curvature * speed.square()
    now = torch.tan(ego.steering_rad) / ego.wheelbase_m
    bends = torch.cat((now[:, None, None].expand(shape), curvature), dim=2)
    parts = (
        along.clamp(min=0.0),
        along.clamp(max=0.0),
        jerk,
        across,
        10.0 * torch.diff(bends, dim=2),
    )
    return tuple(part.square().mean(dim=2) for part in parts)
