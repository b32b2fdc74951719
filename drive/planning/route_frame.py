"""The others in the coordinates of the ego's route, from now on."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.planning.futures import Futures, coasting
from sim.geometry import se2
from sim.interface import Agents, RouteAhead

KNOT_S = 0.5


@dataclass(frozen=True)
class AgentsOnRoute:
    """Where agents will be, `[B, N, K]`: along and across the route every `KNOT_S`, from now on.

    `half_across_m` and `half_along_m` are the half extents of the boxes in these directions.
    """

    s_m: Float[Tensor, "b n k"]
    offset_m: Float[Tensor, "b n k"]
    along_mps: Float[Tensor, "b n k"]
    half_along_m: Float[Tensor, "b n k"]
    half_across_m: Float[Tensor, "b n k"]
    valid: Bool[Tensor, "b n k"]

    def at(self, times_s: Sequence[float]) -> "AgentsOnRoute":
        """The same at T times in place of the knots; valid is who is there at the knots before and after."""
        last = self.s_m.shape[-1] - 1.001
        places = [min(time_s / KNOT_S, last) for time_s in times_s]
        before = torch.tensor([int(place) for place in places], device=self.s_m.device)
        fraction = torch.tensor([place - int(place) for place in places], device=self.s_m.device)

        def mixed(knots: Tensor) -> Tensor:
            return torch.lerp(knots[..., before], knots[..., before + 1], fraction)

        return AgentsOnRoute(
            s_m=mixed(self.s_m),
            offset_m=mixed(self.offset_m),
            along_mps=mixed(self.along_mps),
            half_along_m=mixed(self.half_along_m),
            half_across_m=mixed(self.half_across_m),
            valid=self.valid[..., before] & self.valid[..., before + 1],
        )


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


def knots_s(horizon_s: float, device: torch.device) -> Float[Tensor, " k"]:
    """The times from now on at which `AgentsOnRoute` are, up to beyond a horizon."""
    return torch.arange(int(horizon_s / KNOT_S) + 2, device=device) * KNOT_S


def along_route(
    futures: Futures, size_m: Float[Tensor, "b n 2"], route: RouteAhead
) -> AgentsOnRoute:
    """Everyone seen along the route; `futures` at `knots_s`."""
    x, y, agent_yaw = futures.pose.unbind(-1)
    shape = x.shape
    points = torch.nan_to_num(torch.stack((x, y), dim=-1)).flatten(1, 2)
    s, offset, heading = project(route, points)
    yaw = heading.reshape(shape)
    cos, sin = torch.cos(agent_yaw - yaw).abs(), torch.sin(agent_yaw - yaw).abs()
    half_l, half_w = 0.5 * size_m[..., :1], 0.5 * size_m[..., 1:]
    vx, vy = futures.velocity_mps.unbind(-1)
    return AgentsOnRoute(
        s_m=s.reshape(shape),
        offset_m=offset.reshape(shape),
        along_mps=vx * torch.cos(yaw) + vy * torch.sin(yaw),
        half_along_m=half_l * cos + half_w * sin,
        half_across_m=half_l * sin + half_w * cos,
        valid=futures.valid,
    )


def agents_along_route(agents: Agents, route: RouteAhead, horizon_s: float) -> AgentsOnRoute:
    """Everyone at constant velocity, seen along the route."""
    futures = coasting(agents, knots_s(horizon_s, agents.pose.device))
    return along_route(futures, agents.size_m, route)


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
