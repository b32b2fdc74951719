"""`Paths`: the lines that agents drive along, as tensors; projection, poses, and the ego's route.

Every distinct `Route` of a world is stored once (a pool of P paths with a point every metre);
agents refer to it by index. Made from scenarios by `sim.paths.build`.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.compiling import least
from sim.geometry import se2
from sim.paths.lane_changes import LaneChanges
from sim.paths.route_ahead import RouteAhead
from sim.scenario import EGO, LightState
from sim.short_repr import short_repr
from sim.trees import shared

YELLOW_BRAKING_MPS2 = 3.0  # who would need more than this at yellow drives on
_SEARCH_M = 20.0
_OWN_PATH_M = 1.0
# Plain ints: compiled, a tensor compared with an enum's member is silently False.
_RED, _YELLOW = int(LightState.RED), int(LightState.YELLOW)
COARSE_M = 4  # spacing of the points that a search looks at first


@short_repr
@dataclass(frozen=True)
class Paths:
    """P paths a map with K points 1 m apart; past its end a path goes straight on.

    World b drives on the paths of map `row[b]`, in the roles of its agents.

    `frame` holds x, y, cos(yaw), sin(yaw), curvature of each point. `cruise_mps` is the speed limit
    lowered for curves and for what comes after, at a comfortable deceleration.
    """

    row: Int[Tensor, " b"]
    frame: Float[Tensor, "m p k 5"] = shared()
    coarse: Float[Tensor, "m p 4 c"] = shared()  # x, y, cos, sin of every fourth point, to search
    num_points: Int[Tensor, "m p"] = shared()
    speed_limit_mps: Float[Tensor, "m p k"] = shared()
    cruise_mps: Float[Tensor, "m p k"] = shared()
    stop_s_m: Float[Tensor, "m p s"] = shared()  # inf: padding
    stop_light: Int[Tensor, "m p s"] = shared()  # -1: a sign
    stop_is_sign: Bool[Tensor, "m p s"] = shared()  # come to a halt here
    path_of_agent: Int[Tensor, "m n"] = shared()  # -1: the agent has no path
    entry_s_m: Float[Tensor, "m n t"] = (
        shared()
    )  # where on its path an agent that comes at t comes in
    lane_changes: LaneChanges | None = None  # None: everybody keeps to its own path

    @property
    def agent_path(self) -> Int[Tensor, "b n"]:
        """The path of each agent's route; -1: it has none."""
        return self.path_of_agent[self.row]

    def frame_at(self, path: Int[Tensor, "b *k"], s_m: Float[Tensor, "b *k"]) -> Tensor:
        """The frames `[B, *k, 5]` of the points nearest to arc length `s_m` of the given paths."""
        return self._gather(self.frame, path, s_m)

    def cruise_at(self, path: Int[Tensor, "b *k"], s_m: Float[Tensor, "b *k"]) -> Tensor:
        """`cruise_mps` at arc length `s_m`."""
        return self._gather(self.cruise_mps, path, s_m)

    def speed_limit_at(self, path: Int[Tensor, "b *k"], s_m: Float[Tensor, "b *k"]) -> Tensor:
        """`speed_limit_mps` at arc length `s_m`."""
        return self._gather(self.speed_limit_mps, path, s_m)

    def position_at(self, path: Int[Tensor, "b *k"], s_m: Float[Tensor, "b *k"]) -> Tensor:
        """The point at arc length `s_m`: between what the stored points before and after it say."""
        before = torch.floor(torch.where(s_m > 0.0, s_m, 0.0)).clamp(max=self.frame.shape[2] - 2)
        past = s_m - before
        low = _expand(self.frame_at(path, before), past)
        high = _expand(self.frame_at(path, before + 1.0), past - 1.0)
        return torch.lerp(low, high, past.clamp(0.0, 1.0).unsqueeze(-1))

    def pose_at(
        self, path: Int[Tensor, "b n"], s_m: Float[Tensor, "b n"], wheelbase_m: Float[Tensor, "b n"]
    ) -> Float[Tensor, "b n 3"]:
        """A vehicle whose two axles are on the path and whose centre is at `s_m`."""
        half = 0.5 * wheelbase_m
        axles = torch.stack((s_m + half, s_m - half), dim=-1)
        front, rear = self.position_at(path.unsqueeze(-1).expand(axles.shape), axles).unbind(-2)
        axis = front - rear
        yaw = torch.atan2(axis[..., 1], axis[..., 0])
        return torch.cat((0.5 * (front + rear), yaw.unsqueeze(-1)), dim=-1)

    def search(
        self, pose: Float[Tensor, "b f 3"], path: Int[Tensor, "b p"] | None = None
    ) -> Float[Tensor, "b p f"]:
        """Arc length on every path, or on those given, of the place nearest to each pose (to about a metre).

        A path that runs against the pose's heading counts as farther away, so that where a path
        comes back on itself the right pass is found. -1: the path is more than 20 m away.
        """
        row = self.row.unsqueeze(1)
        if path is None:
            path = torch.arange(self.coarse.shape[1], device=row.device).unsqueeze(0)
        number = row * self.coarse.shape[1] + path
        coarse = self.coarse.flatten(0, 1).index_select(0, number.flatten())
        coarse = coarse.unflatten(0, number.shape)
        cost = _search_cost(coarse.unsqueeze(2), pose[:, None, :, None])
        past_end = torch.arange(cost.shape[3], device=cost.device) * COARSE_M
        beyond = past_end > self.num_points[row, path][:, :, None, None] + COARSE_M
        best, index = least(torch.where(beyond, torch.inf, cost))
        return torch.where(best < _SEARCH_M, index.to(pose.dtype) * COARSE_M, -1.0)

    def project(
        self, path: Int[Tensor, "b *#k"], guess_s_m: Float[Tensor, "b *k"], x_m: Tensor, y_m: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Arc length, offset to the left, and frame of points `[B, *k]` seen from paths that broadcast.

        `guess_s_m` must be right to a few metres; two refinements make it exact on smooth paths.
        """
        first, s_m = self._first_point(path), guess_s_m
        for _ in range(2):
            base = torch.round(s_m).clamp(0, self.frame.shape[2] - 1)
            frame = _of_points(self.frame, first + index_at(base, self.frame.shape[2]))
            dx, dy = x_m - frame[..., 0], y_m - frame[..., 1]
            s_m = base + dx * frame[..., 2] + dy * frame[..., 3]
        offset = dy * frame[..., 2] - dx * frame[..., 3]
        return s_m, offset, frame

    def ego_s_m(self, pose: Float[Tensor, "b t 3"]) -> Float[Tensor, "b t"]:
        """Arc length of poses along the ego's path: its progress."""
        s_m, _ = self.along(self.agent_path[:, EGO].unsqueeze(1), pose)
        return s_m

    def along(
        self, path: Int[Tensor, "b *#k"], pose: Float[Tensor, "b *k 3"]
    ) -> tuple[Float[Tensor, "b *k"], Float[Tensor, "b *k"]]:
        """Arc length of poses along the given paths (shapes broadcast), and offset to their left."""
        row = self.row.reshape(-1, *(1,) * (path.ndim - 1))
        cost = _search_cost(self.coarse[row, path], pose.unsqueeze(-2))
        guess = least(cost)[1].to(pose.dtype) * COARSE_M
        x, y, _ = pose.unbind(-1)
        s_m, offset, _ = self.project(path, guess, x, y)
        return s_m, offset

    def ego_path(self, pose: Float[Tensor, "b 3"]) -> Int[Tensor, " b"]:
        """The path that the ego is on: of those that it may come to be on, the one that it is nearest to.

        Its route, where that is at most a metre farther off than another.
        """
        own = self.agent_path[:, EGO]
        if self.lane_changes is None:
            return own
        path = self.lane_changes.of_ego[self.row]
        near = self.search(pose.unsqueeze(1), path.clamp(min=0)).squeeze(2)
        x, y, _ = pose.unsqueeze(1).unbind(-1)
        _, offset, _ = self.project(path.clamp(min=0), near.clamp(min=0.0), x, y)
        cost = torch.where((path >= 0) & (near >= 0.0), offset.abs(), torch.inf)
        own_cost = torch.where(path == own.unsqueeze(1), cost, torch.inf).amin(dim=1)
        best, index = least(cost)
        nearest = torch.gather(path, 1, index.unsqueeze(1)).squeeze(1)
        return torch.where(own_cost < best + _OWN_PATH_M, own, nearest)

    def nearest_point_m(self, place_m: Float[Tensor, "b t 2"]) -> Float[Tensor, "b t"]:
        """Arc length of the stored point of the ego's path that is nearest to each place."""
        path = self.agent_path[:, EGO]
        points = self.frame[self.row, path, :, :2]
        number = torch.arange(points.shape[1], device=points.device)
        gap_sq = (points.unsqueeze(1) - place_m.unsqueeze(2)).square().sum(dim=-1)
        beyond = number >= self.num_points[self.row, path][:, None, None]
        return torch.where(beyond, torch.inf, gap_sq).argmin(dim=-1).to(place_m.dtype)

    def ego_route(
        self,
        path: Int[Tensor, " b"],
        ego_pose: Float[Tensor, "b 3"],
        ego_speed_mps: Float[Tensor, " b"],
        ego_length_m: Float[Tensor, " b"],
        light_state: Int[Tensor, "b l"],
        behind_m: int,
        num_points: int,
    ) -> RouteAhead:
        """A path around the ego, in the ego frame, with the next line that a light closes."""
        ego_s, _ = self.along(path, ego_pose)
        first = torch.floor(ego_s - behind_m).clamp(min=0.0)
        index = first.unsqueeze(1) + torch.arange(num_points, device=path.device)
        paths = path.unsqueeze(1).expand(index.shape)
        frame = self.frame_at(paths, index)
        over = (index - (self.frame.shape[2] - 1)).clamp(min=0.0)
        position = frame[..., :2] + over.unsqueeze(-1) * frame[..., 2:4]
        yaw = torch.atan2(frame[..., 3], frame[..., 2])
        pose = torch.cat((position, yaw.unsqueeze(-1)), dim=-1)
        front_s = ego_s + 0.5 * ego_length_m
        stop_s = self.next_closed_line(
            self.stop_s_m[self.row, path], self.stop_light[self.row, path],
            light_state, front_s, ego_speed_mps,
        )  # fmt: skip
        return RouteAhead(
            pose=se2.compose(se2.inverse(ego_pose).unsqueeze(1), pose),
            speed_limit_mps=self._gather(self.speed_limit_mps, paths, index),
            ego_s_m=ego_s - first,
            stop_s_m=stop_s - first,
            length_m=self.num_points[self.row, path] - 1 - first,
        )

    @staticmethod
    def next_closed_line(
        stop_s_m: Float[Tensor, "*k s"],
        stop_light: Int[Tensor, "*k s"],
        light_state: Int[Tensor, "b l"],
        front_s_m: Float[Tensor, "*k"],
        speed_mps: Float[Tensor, "*k"],
    ) -> Float[Tensor, "*k"]:
        """Arc length of the nearest line ahead that a light closes; inf where there is none.

        Yellow closes it for those who can still stop before it. Half a metre over is not yet past.
        """
        if light_state.shape[1] == 0:
            return torch.full_like(front_s_m, torch.inf)
        world = torch.arange(light_state.shape[0], device=stop_light.device)
        world = world.reshape(-1, *(1,) * (stop_light.ndim - 1))
        state = torch.where(stop_light >= 0, light_state[world, stop_light.clamp(min=0)], 0)
        gap = stop_s_m - front_s_m.unsqueeze(-1)
        needed = speed_mps.unsqueeze(-1) ** 2 / (2.0 * gap.clamp(min=0.1))
        can_stop = needed < YELLOW_BRAKING_MPS2
        closed = (state == _RED) | ((state == _YELLOW) & can_stop)
        ahead = gap > -0.5
        return torch.where(closed & ahead, stop_s_m, torch.inf).amin(dim=-1)

    def _gather(self, tensor: Tensor, path: Tensor, s_m: Tensor) -> Tensor:
        index = index_at(s_m, self.frame.shape[2])
        return _of_points(tensor, self._first_point(path) + index)

    def _first_point(self, path: Int[Tensor, "b *k"]) -> Int[Tensor, "b *k"]:
        """The number of the first point of each path among all points of all maps."""
        _, paths, points = self.frame.shape[:3]
        row = self.row.reshape(-1, *(1,) * (path.ndim - 1))
        return (row * paths + path) * points


def index_at(place: Float[Tensor, "*k"], count: int) -> Int[Tensor, "*k"]:
    """The nearest of `count` points; NaN, which is padding: the first (`nan_to_num` is slow compiled)."""
    return torch.round(torch.where(place > 0.0, place, 0.0)).clamp(max=count - 1).long()


def _of_points(table: Tensor, point: Int[Tensor, "*k"]) -> Tensor:
    """Rows `[*k, ...]` of a table `[M, P, K, ...]`: `index_select` copies them whole."""
    found = table.flatten(0, 2).index_select(0, point.flatten())
    return found.reshape(*point.shape, *table.shape[3:])


def _expand(frame: Float[Tensor, "*k 5"], along_m: Float[Tensor, "*k"]) -> Float[Tensor, "*k 2"]:
    """The point `along_m` on from a stored one, second order within a metre."""
    x, y, cos, sin, curvature = frame.unbind(-1)
    across = 0.5 * curvature * along_m.clamp(-1.0, 1.0) ** 2
    return torch.stack((x + cos * along_m - sin * across, y + sin * along_m + cos * across), dim=-1)


def _search_cost(coarse: Float[Tensor, "*p 4 c"], pose: Float[Tensor, "*q 1 3"]) -> Tensor:
    """Distance of poses from coarse points, more where the directions differ; shapes broadcast."""
    px, py, cos, sin = coarse.unbind(-2)
    x, y, yaw = pose.unbind(-1)
    facing = cos * torch.cos(yaw) + sin * torch.sin(yaw)
    return torch.sqrt((px - x) ** 2 + (py - y) ** 2) + 3.0 * (1.0 - facing)
