"""A plan is followed until the next one is made: what is left of it, as the ego sees it now."""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from sim.ego_motion import plan_entries
from sim.geometry import se2
from sim.interface import Forecast, Occupancy, Plan


@dataclass(frozen=True)
class HeldPlan:
    """A plan, and where (world frame) and how fast the ego was when it was made."""

    plan: Plan
    made_pose: Float[Tensor, "b 3"]
    made_speed_mps: Float[Tensor, " b"]

    def left(self, pose: Float[Tensor, "b 3"], steps: int, dt_s: float) -> Plan:
        """What is left `steps` of `dt_s` later, in the frame of the ego, which is then at `pose`.

        Entries every `dt_s`, the first one `dt_s` from now: those of the plan, interpolated between
        them; beyond its horizon the last one holds. It shows nothing (`carry`).
        """
        plan = self.plan
        horizon = max(1, math.ceil(plan.trajectory.shape[1] * plan.dt_s / dt_s - 1e-6))
        entries = plan_entries(plan, self.made_speed_mps, dt_s, steps + horizon)[:, steps:]
        moved = se2.compose(self._now_SE2_then(pose).unsqueeze(1), entries[..., :3])
        return replace(
            plan,
            trajectory=torch.cat((moved, entries[..., 3:]), dim=-1),
            dt_s=dt_s,
            candidates=None,
            costs=None,
            forecast=None,
            occupancy=None,
        )

    def carry(self, left: Plan, pose: Float[Tensor, "b 3"]) -> Plan:
        """`left`, showing what the plan showed: where it was in the world, in the ego's frame now."""
        shown, now_SE2_then = self.plan, self._now_SE2_then(pose)
        candidates, expected, occupied = shown.candidates, shown.forecast, shown.occupancy
        if candidates is not None:
            candidates = se2.compose(now_SE2_then.reshape(-1, 1, 1, 3), candidates)
        if expected is not None:
            expected = _carried_forecast(expected, now_SE2_then)
        if occupied is not None:
            occupied = _carried_occupancy(occupied, se2.inverse(now_SE2_then))
        return replace(
            left, candidates=candidates, costs=shown.costs, forecast=expected, occupancy=occupied
        )

    def _now_SE2_then(self, pose: Tensor) -> Tensor:
        return se2.compose(se2.inverse(pose), self.made_pose)


def _carried_forecast(forecast: Forecast, now_SE2_then: Tensor) -> Forecast:
    frame = now_SE2_then.reshape(-1, 1, 1, 1, 3)
    return replace(forecast, position_m=se2.transform_points(frame, forecast.position_m))


def _carried_occupancy(occupancy: Occupancy, then_SE2_now: Tensor) -> Occupancy:
    """Each cell takes the value of the cell of then in which its centre lies; 0 outside."""
    grid, old = occupancy.grid, occupancy.probability
    centers = grid.cell_centers_m(old.device)
    centers = se2.transform_points(then_SE2_now.reshape(-1, 1, 1, 3), centers)
    low = torch.tensor((grid.x_min_m, grid.y_min_m), device=old.device)
    size_m = torch.tensor(grid.shape, device=old.device) * grid.resolution_m
    place = 2.0 * (centers - low) / size_m - 1.0
    probability = torch.nn.functional.grid_sample(
        old, place.flip(-1), mode="nearest", align_corners=False
    )
    return replace(occupancy, probability=probability)
