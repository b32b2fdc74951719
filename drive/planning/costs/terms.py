"""The named terms of an interpretable cost, of every candidate (P3, Sadat et al. 2020, section 3.3)."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.candidates import DT_S, Candidates
from drive.planning.costs.footprint import footprint_m, front_m, look_at, reduced, swept_s
from drive.planning.costs.foretold import GRID
from drive.planning.costs.lane_distance import FURTHEST_M, lane_distances_m
from drive.planning.idm_rollout import limit_here_mps
from drive.planning.route_frame import place_on_route, project
from sim.geometry import se2
from sim.geometry.grid import BevGrid
from sim.interface import EgoState, Observation
from sim.maps.lane_bits import AreaBit

OF_OTHERS = ("collision", "clearance", "headway")
"""terms that hang on what the others do"""
EACH = (*OF_OTHERS, "red_light")
"""terms of safety, of each instant"""
WHOLE = (
    "lane", "wrong_lane", "off_lanes", "route", "route_end", "off_road", "astray", "progress",
    "speeding", "acceleration", "braking", "jerk", "lateral", "turning",
)  # fmt: skip
"""terms of the whole trajectory"""
_WIDER_M, _LONGER_M = 0.6, 1.0
AHEAD_S = (0.4, 0.8, 1.2, 1.6)  # of the way at the present speed: where a leader would be too near
LANE_HALF_M = 1.5  # who is farther from the middle of any lane leaves the road
SOON = 2.0, 0.4  # how much the first instant and the last one count
_OFF_ROAD_M = 0.3
_SOFT_M = 1.5  # how far ahead of its line a softened red light begins
FAST_MPS = 10.0  # what becomes 1


@dataclass(frozen=True)
class Terms:
    """Values of `EACH` at each instant and of `WHOLE`, none below 0 but `progress`, which is minus it."""

    each: Float[Tensor, "b k t s"]
    whole: Float[Tensor, "b k r"]

    def named(self) -> dict[str, Float[Tensor, "b k"]]:
        """All of them by name, those of each instant summed."""
        parts: dict[str, Tensor] = dict(zip(EACH, self.each.sum(dim=2).unbind(-1), strict=True))
        return parts | dict(zip(WHOLE, self.whole.unbind(-1), strict=True))


@dataclass(frozen=True)
class Surroundings:
    """What terms are read from: where the others may be, and how far lanes and the road's edge are.

    `lane_m`: `lane_distances_m`. `map_raster`: 1 in lanes that lead along the route, and metres beyond the
    road's edge. `smooth`: between cells in proportion, so that trajectories have slopes.
    """

    observation: Observation
    occupancy: Float[Tensor, "b t x y"]
    lane_m: Float[Tensor, "b 3 u v"]
    map_raster: Float[Tensor, "b 2 u v"]
    grid: BevGrid
    lane_grid: BevGrid
    smooth: bool = False

    @staticmethod
    def of(
        observation: Observation, occupancy: Float[Tensor, "b t x y"], grid: BevGrid = GRID
    ) -> "Surroundings":
        """`occupancy` at the instants of candidates."""
        coarse = grid.coarse(2)
        lane_m, map_raster = lane_distances_m(observation, coarse), _map_raster(observation, coarse)
        return Surroundings(observation, occupancy, lane_m, map_raster, grid, coarse)

    def softened(self) -> "Surroundings":
        """The same with slopes: occupancy and red lights rise from 1.5 to 2 m ahead of where they are on.

        Cells become twice as large and hold the mean over as much again: what is a step of 1 becomes a
        ramp. Everything else has slopes of its own.
        """
        soft = torch.nn.functional.avg_pool2d(
            self.occupancy, 4, stride=2, padding=1, ceil_mode=True
        )
        return replace(self, occupancy=soft, grid=self.grid.coarse(2), smooth=True)


def terms_of(
    observation: Observation,
    candidates: Candidates,
    occupancy: Float[Tensor, "b t x y"],
    grid: BevGrid = GRID,
) -> Terms:
    """Of all candidates; `occupancy` at the instants of the candidates."""
    return terms_in(Surroundings.of(observation, occupancy, grid), candidates.trajectory)


def terms_in(around: Surroundings, trajectory: Float[Tensor, "b k t 5"]) -> Terms:
    """Of trajectories; with slopes in all of them where the surroundings are `softened`."""
    return Terms(each_in(around, trajectory), _whole(around, trajectory))


def each_in(around: Surroundings, trajectory: Float[Tensor, "b k t 5"]) -> Float[Tensor, "b k t s"]:
    """The terms of safety alone."""
    past_red = _past_red(around, trajectory).unsqueeze(-1)
    return torch.cat((others_in(around, trajectory), past_red), dim=-1)


def apart_in(around: Surroundings, trajectory: Float[Tensor, "b k t 5"]) -> Terms:
    """Apart from `OF_OTHERS`, which are 0."""
    past_red = _past_red(around, trajectory)
    nobody = (torch.zeros_like(past_red),) * len(OF_OTHERS)
    return Terms(torch.stack((*nobody, past_red), dim=-1), _whole(around, trajectory))


def others_in(
    around: Surroundings, trajectory: Float[Tensor, "b k t 5"]
) -> Float[Tensor, "b k t 3"]:
    """`OF_OTHERS`. collision: most under the footprint and what it sweeps half an instant before and after;
    clearance: most under a wider one, the more the faster (P3, eq. 7); headway: most ahead, the more the
    faster.

    The first two count more the sooner they are: before the later ones come there will be other plans.
    """
    size_m, device = around.observation.ego.size_m, trajectory.device
    fast = trajectory[..., 3] / FAST_MPS
    soon = torch.linspace(*SOON, trajectory.shape[2], device=device)
    nose_m = front_m(size_m)
    ahead_s = torch.tensor(AHEAD_S, device=device).repeat_interleave(nose_m.shape[1])

    inside_m, near_m = footprint_m(size_m), footprint_m(size_m, _WIDER_M, _LONGER_M)
    follows_m = nose_m.repeat(1, len(AHEAD_S), 1)
    part = [points.shape[1] for points in (inside_m, near_m, follows_m)]
    in_time_s = torch.cat((swept_s(DT_S, device), ahead_s.new_zeros(part[1]), ahead_s))

    def most(seen: Tensor) -> Tensor:
        return torch.stack([some.amax(dim=-1) for some in seen.split(part, dim=-1)], dim=-1)

    point_m = torch.cat((inside_m, near_m, follows_m), dim=1)
    found = reduced(
        most, around.occupancy, around.grid, trajectory, point_m, in_time_s, around.smooth
    )
    return found * torch.stack((soon.expand_as(fast), soon * fast, fast), dim=-1)


def _past_red(around: Surroundings, trajectory: Float[Tensor, "b k t 5"]) -> Tensor:
    """1 from when the front passes the stop line of a red light."""
    observation = around.observation
    route = observation.route
    stop_s = route.stop_s_m
    is_red = torch.isfinite(stop_s)
    line_s = torch.where(is_red, stop_s, 0.0)
    line, _ = place_on_route(route, line_s, torch.zeros_like(line_s))
    front_m = 0.5 * observation.ego.size_m[:, 0].reshape(-1, 1, 1)
    x, y, yaw = trajectory[..., :3].unbind(-1)
    front = torch.stack((x + front_m * torch.cos(yaw), y + front_m * torch.sin(yaw)), dim=-1)
    beyond_m = se2.transform_points(se2.inverse(line)[:, None, None], front)[..., 0]
    here = (
        se2.transform_points(se2.inverse(line), torch.zeros_like(line[:, :2]))[:, 0]
        + front_m[:, 0, 0]
    )
    asked = is_red & (here <= 0.0)
    past = (beyond_m > 0.0).to(x.dtype)
    if around.smooth:
        past = (1.0 + beyond_m / _SOFT_M).clamp(0.0, 1.0)
    return past.cummax(dim=2).values * asked[:, None, None]


def _off_lanes(
    around: Surroundings, trajectory: Float[Tensor, "b k t 5"]
) -> tuple[tuple[Tensor, ...], Float[Tensor, "b k t"]]:
    """Means over time. In metres: off the middle of lanes that the ego may be in; nearer to one that it may
    not; off all lanes; off the route. Then how far off the route it ends, and by the map, 0 where there is
    none, as in what is stored: how far the worst corner is beyond the road's edge, 1 from `_OFF_ROAD_M` on
    (of a box along that edge; of others a little less); being in lanes that do not lead along the route."""
    size_m = around.observation.ego.size_m[:, None, None]

    def seen(raster: Tensor, point_m: Float[Tensor, "b k t *q 2"]) -> Tensor:
        found = look_at(raster, around.lane_grid, point_m.flatten(1, -2))
        return found.unflatten(2, point_m.shape[1:-1])

    any_m, allowed_m, route_m = seen(around.lane_m, trajectory[..., :2]).unbind(1)
    leads, edge_m = around.map_raster[:, :1], around.map_raster[:, 1:]
    leading = seen(leads, trajectory[..., :2]).squeeze(1)
    ends_m = _ends_m(trajectory, size_m[..., 0])
    beyond_m = seen(edge_m, ends_m).squeeze(1).amax(dim=-1) + 0.5 * size_m[..., 1]
    wrong = allowed_m - any_m
    off = (any_m - LANE_HALF_M).clamp(min=0.0)
    off_road = (beyond_m / _OFF_ROAD_M).clamp(0.0, 1.0)
    astray = torch.where(allowed_m < LANE_HALF_M, 1.0 - leading, 0.0)
    means = [p.mean(dim=2) for p in (allowed_m, wrong, off, route_m, off_road, astray)]
    return (*means[:4], route_m[..., -1], *means[4:]), astray


def _whole(around: Surroundings, trajectory: Float[Tensor, "b k t 5"]) -> Float[Tensor, "b k r"]:
    off_lanes, strays = _off_lanes(around, trajectory)
    along_route = _along_route(around.observation, trajectory, strays)
    comfort = _comfort(trajectory, around.observation.ego)
    return torch.stack((*off_lanes, *along_route, *comfort), dim=-1)


def _ends_m(
    trajectory: Float[Tensor, "b k t 5"], length_m: Float[Tensor, "b 1 1"]
) -> Float[Tensor, "b k t 2 2"]:
    """The middles of front and rear."""
    x, y, yaw = trajectory[..., :3].unbind(-1)
    half = 0.5 * length_m.unsqueeze(-1) * torch.tensor((1.0, -1.0)).to(trajectory)
    x, y, yaw = x.unsqueeze(-1), y.unsqueeze(-1), yaw.unsqueeze(-1)
    return torch.stack((x + half * torch.cos(yaw), y + half * torch.sin(yaw)), dim=-1)


def _map_raster(observation: Observation, grid: BevGrid) -> Float[Tensor, "b 2 x y"]:
    """1 in lanes that lead along the route; metres beyond the road's edge. Without a map all is well."""
    hd_map, batch = observation.map, len(observation.step)
    centers_m = grid.cell_centers_m(observation.ego.size_m.device).to(observation.ego.size_m)
    if hd_map is None:
        well = torch.tensor((1.0, -FURTHEST_M)).to(centers_m)
        return well.reshape(1, 2, 1, 1).expand(batch, 2, *grid.shape)
    place_m = centers_m.expand(batch, *centers_m.shape)
    leads = (hd_map.area_bits(place_m) & int(AreaBit.LEADS)) != 0
    return torch.stack((leads.to(place_m.dtype), hd_map.offroad_distance_m(place_m)), dim=1)


def _along_route(
    observation: Observation,
    trajectory: Float[Tensor, "b k t 5"],
    strays: Float[Tensor, "b k t"],
) -> tuple[Tensor, Tensor]:
    """Minus the way gained, over that at 10 m/s, as far as it does not stray; speed above the limit.

    Who passes an exit gains nothing by being fast there.
    """
    route = observation.route
    leads = (strays <= 0.5).to(torch.long).cumprod(dim=2).sum(dim=2)
    last = (leads - 1).clamp(min=0)[..., None, None].expand(*leads.shape, 1, 2)
    s_m, _, _ = project(route, torch.gather(trajectory[..., :2], 2, last).squeeze(2))
    horizon_m = FAST_MPS * DT_S * trajectory.shape[2]
    gained = (s_m - route.ego_s_m.unsqueeze(1)) / horizon_m
    over = (trajectory[..., 3] - limit_here_mps(route)[:, None, None]).clamp(min=0.0)
    return -gained, over.mean(dim=2)


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
