"""K trials driven side by side in K copies of worlds: along their lines, behind whoever is in the way."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from drive.planning.privileged_search.trials import Trial, Ways
from sim import trees
from sim.geometry import polyline, se2
from sim.interface import Plan
from sim.scenario import EGO
from sim.traffic.idm_law import IdmParams, idm_acceleration
from sim.world import World, WorldState

HORIZON = 24
LATERAL_MPS2 = 2.5  # sets the speed in curves
SLOWING_MPS2 = 2.5  # planned before curves and lower limits
HARDEST_MPS2 = 7.0
SIDE_MARGIN_M = 0.25


@dataclass(frozen=True)
class TrialDriver:
    """The lines of K trials every metre, world frame; speeds at their points; the trials' numbers."""

    line: Float[Tensor, "k m 4"]  # x, y, yaw, curvature
    cruise_mps: Float[Tensor, "k m"]
    length: Int[Tensor, " k"]
    early: Float[Tensor, " k"]
    late: Float[Tensor, " k"]
    switch_s: Float[Tensor, " k"]
    headway_s: Float[Tensor, " k"]
    wait_at_m: Float[Tensor, " k"]
    go_s: Float[Tensor, " k"]

    @staticmethod
    def of(tried: Sequence[tuple[Ways, Trial]]) -> "TrialDriver":
        """The lines of the trials, each among the ways of its scenario, made ready."""
        lines, cruises = zip(*(_prepared(*w.line(trial.way)) for w, trial in tried), strict=True)

        def column(name: str) -> Tensor:
            return torch.tensor([getattr(trial, name) for _, trial in tried], dtype=torch.float32)

        return TrialDriver(
            line=trees.stack_padded(list(lines)),
            cruise_mps=trees.stack_padded(list(cruises)),
            length=torch.tensor([len(line) for line in lines]),
            early=column("early"),
            late=column("late"),
            switch_s=column("switch_s"),
            headway_s=column("headway_s"),
            wait_at_m=column("wait_at_m"),
            go_s=column("go_s"),
        )

    def take(self, index: Int[Tensor, " k"]) -> "TrialDriver":
        """Some of the trials."""
        return trees.take(self, index)

    def plan(self, world: World, state: WorldState) -> Plan:
        """What each does next."""
        ego_s, _ = self._project(state.pose[:, :1, :2])
        ego_s = ego_s.squeeze(1)
        speed = state.speed_mps[:, EGO].clamp(min=0.0)
        acceleration = self._accelerate(world, state, ego_s, speed)
        time = torch.arange(1, HORIZON + 1, device=speed.device) * world.dt_s
        speeds = (speed.unsqueeze(1) + acceleration.unsqueeze(1) * time).clamp(min=0.0)
        mean = 0.5 * (speeds + torch.cat((speed.unsqueeze(1), speeds[:, :-1]), dim=1))
        places = ego_s.unsqueeze(1) + world.dt_s * mean.cumsum(dim=1)
        x, y, yaw, curvature = self._at(places)
        slip = torch.atan(0.5 * world.wheelbase_m[:, EGO].unsqueeze(1) * curvature)
        pose = torch.stack((x, y, yaw - slip), dim=-1)
        local = se2.compose(se2.inverse(state.pose[:, EGO]).unsqueeze(1), pose)
        trajectory = torch.cat((local, torch.stack((speeds, curvature), dim=-1)), dim=-1)
        return Plan(trajectory, world.dt_s)

    def _accelerate(
        self, world: World, state: WorldState, ego_s: Tensor, speed: Tensor
    ) -> Float[Tensor, " k"]:
        """IDM behind whoever is on the line, before a red light, and where the trial waits."""
        time_s = state.step * world.dt_s
        wish = torch.where(time_s < self.switch_s, self.early, self.late)
        wanted = wish * torch.gather(self.cruise_mps, 1, self._index(ego_s).unsqueeze(1)).squeeze(1)
        half = 0.5 * world.size_m[:, EGO, 0]
        gap, lead = self._leader(world, state, ego_s + half)
        params = IdmParams(torch.full_like(speed, 1.5), self.headway_s, 2.0, 3.0)
        push = idm_acceleration(speed, wanted.clamp(min=0.3), gap, lead, params)
        waits = torch.where(time_s < self.go_s, self.wait_at_m - ego_s, torch.inf)
        stop = torch.minimum(waits, self._red_m(world, state, half) + 1.5)
        # Where it is too late to stop before it, the place to wait at counts no more.
        stop = torch.where(stop > speed**2 / (2.0 * HARDEST_MPS2) - 1.0, stop, torch.inf)
        halt = idm_acceleration(
            speed, wanted.clamp(min=0.3), stop.clamp(min=0.1), torch.zeros_like(speed), params
        )
        return torch.minimum(push, halt).clamp(min=-HARDEST_MPS2, max=2.5)

    def _leader(
        self, world: World, state: WorldState, front_s: Float[Tensor, " k"]
    ) -> tuple[Tensor, Tensor]:
        """Gap to the nearest on the line, and its speed along it; inf, 0: nobody."""
        s, offset = self._project(state.pose[:, 1:, :2])
        yaw = self._at(s)[2]
        turn = state.pose[:, 1:, 2] - yaw
        length, width = world.size_m[:, 1:, 0], world.size_m[:, 1:, 1]
        cos, sin = torch.cos(turn).abs(), torch.sin(turn).abs()
        along = 0.5 * (length * cos + width * sin)
        across = 0.5 * (length * sin + width * cos)
        reach = 0.5 * world.size_m[:, EGO, 1:2] + SIDE_MARGIN_M + across
        gap = s - along - front_s.unsqueeze(1)
        blocks = state.valid[:, 1:] & (offset.abs() < reach) & (s > front_s.unsqueeze(1))
        gap, index = torch.where(blocks, gap, torch.inf).min(dim=1)
        speed = torch.gather(state.speed_mps[:, 1:] * torch.cos(turn), 1, index.unsqueeze(1))
        return gap.clamp(min=0.1), torch.where(
            gap < torch.inf, speed.squeeze(1).clamp(min=0.0), 0.0
        )

    @staticmethod
    def _red_m(world: World, state: WorldState, half: Tensor) -> Float[Tensor, " k"]:
        """From the ego's front to the next line of the route that a light closes."""
        paths = world.paths
        path = paths.agent_path[:, EGO]
        front = paths.ego_s_m(state.pose[:, :1]).squeeze(1) + half
        lights = world.lights_at(state.step)
        stops, light = paths.stop_s_m[paths.row, path], paths.stop_light[paths.row, path]
        closed = paths.next_closed_line(stops, light, lights, front, state.speed_mps[:, EGO])
        return closed - front

    def _index(self, s_m: Tensor) -> Tensor:
        last = self.length.reshape(-1, *(1,) * (s_m.ndim - 1)) - 1
        return torch.minimum(torch.round(s_m).long().clamp(min=0), last)

    def _at(self, s_m: Float[Tensor, "k q"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """x, y, yaw and curvature at arc lengths; beyond the end straight on."""
        index = self._index(s_m)
        x, y, yaw, curvature = torch.gather(
            self.line, 1, index.unsqueeze(-1).expand(*index.shape, 4)
        ).unbind(-1)
        on = s_m - index
        middle = yaw + 0.5 * curvature * on
        return (
            x + on * torch.cos(middle),
            y + on * torch.sin(middle),
            yaw + curvature * on,
            curvature,
        )

    def _project(self, points_m: Float[Tensor, "k q 2"]) -> tuple[Tensor, Tensor]:
        """Arc length and offset to the left of points, `[K, Q]`."""
        gap = torch.cdist(points_m, self.line[..., :2])
        beyond = torch.arange(gap.shape[2], device=gap.device) >= self.length[:, None, None]
        index = gap.masked_fill(beyond, torch.inf).argmin(dim=-1)
        x, y, yaw, _ = torch.gather(
            self.line, 1, index.unsqueeze(-1).expand(*index.shape, 4)
        ).unbind(-1)
        dx, dy = points_m[..., 0] - x, points_m[..., 1] - y
        cos, sin = torch.cos(yaw), torch.sin(yaw)
        return index + cos * dx + sin * dy, cos * dy - sin * dx


def _prepared(points_m: np.ndarray, limit_mps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points every metre with heading and curvature `[M, 4]`, and the speed to drive at each."""
    s = polyline.arc_length_m(points_m)
    every = np.arange(0.0, s[-1], 1.0)
    line = polyline.at(points_m, every)
    limit = np.interp(every, s, limit_mps)
    yaw = np.unwrap(polyline.headings_rad(line))
    smooth = np.convolve(np.pad(np.gradient(yaw), 2, mode="edge"), np.ones(5) / 5, mode="valid")
    cruise = np.minimum(limit, np.sqrt(LATERAL_MPS2 / np.maximum(np.abs(smooth), 1e-4)))
    ramp = 2.0 * SLOWING_MPS2 * np.arange(len(cruise))
    # v_k^2 <= v_m^2 + 2 b (m - k) for all m >= k: a running minimum from the far end.
    energy = np.minimum.accumulate((cruise**2 + ramp)[::-1])[::-1] - ramp
    cruise = np.sqrt(np.maximum(energy, 1.0))
    return np.column_stack((line, yaw, smooth)).astype(np.float32), cruise.astype(np.float32)
