"""The others in the coordinates of the ego's route, now and at constant velocity from now on."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sim.geometry import se2
from sim.interface import Agents, Forecast, RouteAhead

KNOT_S = 0.5


@dataclass(frozen=True)
class AgentsOnRoute:
    """Where agents are at constant velocity, `[B, N, K]`: along and across the route every `KNOT_S`.

    `half_across_m` and `half_along_m` are the half extents of the boxes in these directions.
    """

    s_m: Float[Tensor, "b n k"]
    offset_m: Float[Tensor, "b n k"]
    along_mps: Float[Tensor, "b n k"]
    half_along_m: Float[Tensor, "b n k"]
    half_across_m: Float[Tensor, "b n k"]
    valid: Bool[Tensor, "b n"]

    def at(self, time_s: float) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """s, offset, speed along, half along, half across at a time, `[B, N]` each."""
        place = min(time_s / KNOT_S, self.s_m.shape[-1] - 1.001)
        k, fraction = int(place), place - int(place)
        fields = (self.s_m, self.offset_m, self.along_mps, self.half_along_m, self.half_across_m)
        s, offset, along, half_along, half_across = (
            torch.lerp(f[..., k], f[..., k + 1], fraction) for f in fields
        )
        return s, offset, along, half_along, half_across


def project(route: RouteAhead, points_m: Float[Tensor, "b q 2"]) -> tuple[Tensor, Tensor, Tensor]:
    """Arc length, offset to the left and route heading `[B, Q]` of points in the ego frame."""
    gap = torch.cdist(points_m, route.pose[..., :2], compute_mode="donot_use_mm_for_euclid_dist")
    index = gap.argmin(dim=-1)
    base = torch.gather(route.pose, 1, index.unsqueeze(-1).expand(-1, -1, 3))
    dx, dy = (points_m - base[..., :2]).unbind(-1)
    cos, sin = torch.cos(base[..., 2]), torch.sin(base[..., 2])
    return index + cos * dx + sin * dy, cos * dy - sin * dx, base[..., 2]


def place_on_route(route: RouteAhead, s_m: Tensor, offset_m: Tensor) -> tuple[Tensor, Tensor]:
    """Poses `[B, *k, 3]` and curvatures at arc length and offset; shapes `[B, *k]`."""
    points = route.pose.shape[1]
    flat = s_m.reshape(len(s_m), -1)
    index = torch.round(flat).clamp(0, points - 1).long()
    turn = se2.wrap_angle(torch.diff(route.pose[..., 2], dim=1))
    curvature = torch.cat((turn[:, :1], 0.5 * (turn[:, 1:] + turn[:, :-1]), turn[:, -1:]), dim=1)
    base = torch.gather(route.pose, 1, index.unsqueeze(-1).expand(-1, -1, 3))
    bend = torch.gather(curvature, 1, index)
    along = flat - index
    yaw = base[..., 2] + bend * along
    middle = base[..., 2] + 0.5 * bend * along
    side = offset_m.expand(s_m.shape).reshape(flat.shape)
    x = base[..., 0] + along * torch.cos(middle) - side * torch.sin(yaw)
    y = base[..., 1] + along * torch.sin(middle) + side * torch.cos(yaw)
    return torch.stack((x, y, yaw), -1).reshape(*s_m.shape, 3), bend.reshape(s_m.shape)


def agents_along_route(agents: Agents, route: RouteAhead, horizon_s: float) -> AgentsOnRoute:
    """Everyone at constant velocity, seen along the route."""
    knots = int(horizon_s / KNOT_S) + 2
    time = torch.arange(knots, device=agents.pose.device) * KNOT_S
    points = _coast(agents, time)
    batch, count = agents.valid.shape
    s, offset, heading = project(route, torch.nan_to_num(points).reshape(batch, -1, 2))
    shape = (batch, count, knots)
    relative = agents.pose[..., 2:] - heading.reshape(shape)
    cos, sin = torch.cos(relative).abs(), torch.sin(relative).abs()
    half_l, half_w = 0.5 * agents.size_m[..., :1], 0.5 * agents.size_m[..., 1:]
    vx, vy = agents.velocity_mps[..., :1], agents.velocity_mps[..., 1:]
    yaw = heading.reshape(shape)
    return AgentsOnRoute(
        s_m=s.reshape(shape),
        offset_m=offset.reshape(shape),
        along_mps=vx * torch.cos(yaw) + vy * torch.sin(yaw),
        half_along_m=half_l * cos + half_w * sin,
        half_across_m=half_l * sin + half_w * cos,
        valid=agents.valid,
    )


def coasting(agents: Agents, horizon_s: float) -> Forecast:
    """The same constant velocities in the plane, for viewer and report."""
    time = torch.arange(1, int(horizon_s / KNOT_S) + 1, device=agents.pose.device) * KNOT_S
    certain = agents.valid.unsqueeze(-1).to(agents.pose.dtype)
    return Forecast(_coast(agents, time).unsqueeze(2), certain, KNOT_S)


def _coast(agents: Agents, time_s: Float[Tensor, " t"]) -> Float[Tensor, "b n t 2"]:
    return agents.pose[..., None, :2] + time_s[:, None] * agents.velocity_mps.unsqueeze(2)


def curve_speed_mps(route: RouteAhead, lateral_mps2: float, braking_mps2: float) -> Tensor:
    """Speed `[B, R]` at which every curve from here on is taken comfortably.

    v_k^2 <= a_lat / kappa_m + 2 b (m - k) for all m >= k: a running minimum from the far end.
    """
    turn = se2.wrap_angle(torch.diff(route.pose[..., 2], dim=1, append=route.pose[:, -1:, 2]))
    kernel = torch.full((1, 1, 5), 0.2, device=turn.device)
    smooth = torch.nn.functional.conv1d(turn.unsqueeze(1), kernel, padding=2).squeeze(1).abs()
    ramp = 2.0 * braking_mps2 * torch.arange(turn.shape[1], device=turn.device)
    energy = lateral_mps2 / smooth.clamp(min=1e-4) + ramp
    lowest = torch.flip(torch.cummin(torch.flip(energy, [1]), dim=1).values, [1]) - ramp
    return torch.sqrt(lowest.clamp(min=2.0))
