"""A plan is followed until the next one is made: what is left of it, as the ego sees it now."""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sim.dynamics.bicycle import Controls
from sim.ego_motion import plan_entries
from sim.geometry import se2
from sim.geometry.grid import BevGrid
from sim.interface import Agents, Forecast, Plan, WhatIf


@dataclass(frozen=True)
class HeldPlan:
    """A plan, and where (world frame) and how fast the ego was when it was made."""

    plan: Plan
    made_pose: Float[Tensor, "b 3"]
    made_speed_mps: Float[Tensor, " b"]

    def left(self, pose: Float[Tensor, "b 3"], steps: int, dt_s: float) -> Plan:
        """What is left `steps` of `dt_s` later, in the frame of the ego, which is then at `pose`.

        Entries every `dt_s`, the first one `dt_s` from now: those of the plan, interpolated between
        them; beyond its horizon the last one holds. It shows nothing beside.
        """
        plan = self.plan
        horizon = max(1, math.ceil(plan.trajectory.shape[1] * plan.dt_s / dt_s - 1e-6))
        entries = plan_entries(plan, self.made_speed_mps, dt_s, steps + horizon)[:, steps:]
        return replace(
            plan,
            trajectory=_moved(entries, self.now_SE2_then(pose)),
            dt_s=dt_s,
            candidates=None,
            costs=None,
            terms=None,
            forecast=None,
            occupancy=None,
            perceived=None,
            what_if=None,
        )

    def moved(self, pose: Float[Tensor, "b 3"]) -> Plan:
        """The plan and what it shows as it was made, where it was in the world, seen from `pose`; without
        occupancy, of which `cells_of_then` tells how it is seen."""
        plan, now_SE2_then = self.plan, self.now_SE2_then(pose)
        candidates, expected = plan.candidates, plan.forecast
        if candidates is not None:
            candidates = se2.compose(now_SE2_then[:, None, None], candidates)
        if expected is not None:
            expected = _moved_forecast(expected, now_SE2_then)
        there = plan.perceived and _moved_agents(plan.perceived, now_SE2_then)
        asked = plan.what_if and _moved_what_if(plan.what_if, now_SE2_then)
        return replace(
            plan,
            trajectory=_moved(plan.trajectory, now_SE2_then),
            candidates=candidates,
            forecast=expected,
            occupancy=None,
            perceived=there,
            what_if=asked,
        )

    def now_SE2_then(self, pose: Float[Tensor, "b 3"]) -> Float[Tensor, "b 3"]:
        """Where the ego was when the plan was made, seen from `pose`."""
        return se2.compose(se2.inverse(pose), self.made_pose)


@dataclass(frozen=True)
class HeldControls:
    """Controls that are kept up until the next ones."""

    controls: Controls

    def left(self, pose: Float[Tensor, "b 3"], steps: int, dt_s: float) -> Controls:
        """The same."""
        return self.controls

    def moved(self, pose: Float[Tensor, "b 3"]) -> Controls:
        """The same: controls show nothing."""
        return self.controls


def hold(
    action: Plan | Controls, pose: Float[Tensor, "b 3"], speed_mps: Float[Tensor, " b"]
) -> HeldPlan | HeldControls:
    """What is followed until the next plan; made by an ego at `pose` (world frame)."""
    if isinstance(action, Controls):
        return HeldControls(action)
    return HeldPlan(action, pose, speed_mps)


def _moved(trajectory: Tensor, now_SE2_then: Tensor) -> Tensor:
    pose = se2.compose(now_SE2_then.unsqueeze(1), trajectory[..., :3])
    return torch.cat((pose, trajectory[..., 3:]), dim=-1)


def _moved_forecast(forecast: Forecast, now_SE2_then: Tensor) -> Forecast:
    frame = now_SE2_then[:, None, None, None]
    return replace(forecast, position_m=se2.transform_points(frame, forecast.position_m))


def _moved_what_if(what_if: WhatIf, now_SE2_then: Tensor) -> WhatIf:
    frame = now_SE2_then[:, None, None]
    return replace(
        what_if,
        way_m=se2.transform_points(frame, what_if.way_m),
        path_m=se2.transform_points(frame.unsqueeze(3), what_if.path_m),
    )


def _moved_agents(agents: Agents, now_SE2_then: Tensor) -> Agents:
    frame = now_SE2_then.unsqueeze(1)
    return replace(
        agents,
        pose=se2.compose(frame, agents.pose),
        velocity_mps=se2.rotate(agents.velocity_mps, frame[..., 2]),
    )


def cells_of_then(grid: BevGrid, now_SE2_then: Float[Tensor, "b 3"]) -> Int[Tensor, "b x y"]:
    """The number of the cell of then in which the centre of each cell of now lies; -1 outside."""
    x, y, yaw = (v[:, None, None] for v in se2.inverse(now_SE2_then).unbind(-1))
    x_m, y_m = grid.cell_centers_m(now_SE2_then.device).unbind(-1)
    cos, sin = torch.cos(yaw), torch.sin(yaw)
    place = grid.cells(cos * x_m + (x - sin * y_m), sin * x_m + (y + cos * y_m))
    i, j = (torch.floor(v) for v in place)
    return torch.where(grid.holds(i, j), grid.flat(i, j), -1.0).long()
