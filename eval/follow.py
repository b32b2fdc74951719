"""A plan is followed until the next one is made: what is left of it, as the ego sees it now."""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from sim.dynamics.bicycle import Controls
from sim.ego_motion import plan_entries
from sim.geometry import se2
from sim.interface import Agents, Forecast, Occupancy, Plan


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
            trajectory=_moved(entries, self._now_SE2_then(pose)),
            dt_s=dt_s,
            candidates=None,
            costs=None,
            terms=None,
            forecast=None,
            occupancy=None,
            perceived=None,
        )

    def moved(self, pose: Float[Tensor, "b 3"]) -> Plan:
        """The plan and all that it shows as it was made, where it was in the world, seen from `pose`."""
        plan, now_SE2_then = self.plan, self._now_SE2_then(pose)
        candidates, expected, occupied = plan.candidates, plan.forecast, plan.occupancy
        if candidates is not None:
            candidates = se2.compose(now_SE2_then[:, None, None], candidates)
        if expected is not None:
            expected = _moved_forecast(expected, now_SE2_then)
        if occupied is not None:
            occupied = _moved_occupancy(occupied, now_SE2_then)
        there = plan.perceived and _moved_agents(plan.perceived, now_SE2_then)
        return replace(
            plan,
            trajectory=_moved(plan.trajectory, now_SE2_then),
            candidates=candidates,
            forecast=expected,
            occupancy=occupied,
            perceived=there,
        )

    def _now_SE2_then(self, pose: Tensor) -> Tensor:
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


def _moved_agents(agents: Agents, now_SE2_then: Tensor) -> Agents:
    frame = now_SE2_then.unsqueeze(1)
    return replace(
        agents,
        pose=se2.compose(frame, agents.pose),
        velocity_mps=se2.rotate(agents.velocity_mps, frame[..., 2]),
    )


def _moved_occupancy(occupancy: Occupancy, now_SE2_then: Tensor) -> Occupancy:
    """Each cell takes the value of that cell of then in which its centre lies; 0 outside."""
    grid, old = occupancy.grid, occupancy.probability
    then_SE2_now = se2.inverse(now_SE2_then)[:, None, None]
    centers = se2.transform_points(then_SE2_now, grid.cell_centers_m(old.device))
    low = torch.tensor((grid.x_min_m, grid.y_min_m), device=old.device)
    size_m = torch.tensor(grid.shape, device=old.device) * grid.resolution_m
    place = 2.0 * (centers - low) / size_m - 1.0
    probability = torch.nn.functional.grid_sample(
        old, place.flip(-1), mode="nearest", align_corners=False
    )
    return replace(occupancy, probability=probability)
