"""Where the ego has to get, and by when, in every world: as its scenario says, or the recorded drive.

Where a scenario sets no goal, it is a line across the recorded ego's drive at 95 % of its length (a route
is completed there: MetaDrive), 3 m to either side, to be crossed before the recording ends. A recorded
ego that gets less than 5 m far gives no goal.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sim.geometry import polyline
from sim.scenario import EGO, Scenario

COMPLETION = 0.95
HALF_WIDTH_M = 3.0
LEAST_WAY_M = 5.0


@dataclass(frozen=True)
class Goals:
    """A finishing line for each of B worlds; where not `known` there is none."""

    line_m: Float[Tensor, "b 2 2"]  # left and right end, seen when driving over it
    time_limit_s: Float[Tensor, " b"]
    known: Bool[Tensor, " b"]

    @staticmethod
    def from_scenarios(scenarios: list[Scenario]) -> "Goals":
        """Those of the scenarios, or of their recordings."""
        lines = [s.goal_line_m if s.goal_line_m is not None else _line_of(s) for s in scenarios]
        limits = [
            (s.num_instants - 1) * s.dt_s if s.time_limit_s is None else s.time_limit_s
            for s in scenarios
        ]
        nowhere = np.zeros((2, 2))
        return Goals(
            torch.tensor(np.stack([nowhere if line is None else line for line in lines])).float(),
            torch.tensor(limits, dtype=torch.float32),
            torch.tensor([line is not None for line in lines]),
        )

    def reached(self, place_m: Float[Tensor, "b t 2"]) -> Bool[Tensor, "b t"]:
        """Whether a centre that moved through these places has crossed the line, in its direction."""
        left, right = self.line_m.unsqueeze(1).unbind(dim=2)
        across = left - right
        onward = torch.stack((across[..., 1], -across[..., 0]), dim=-1)
        past = ((place_m - right) * onward).sum(dim=-1)
        along = ((place_m - right) * across).sum(dim=-1) / across.square().sum(dim=-1)
        before, after = past[:, :-1], past[:, 1:]
        share = -before / torch.where(after == before, 1.0, after - before)
        at = along[:, :-1] + share * along.diff(dim=1)
        crosses = (before < 0.0) & (after >= 0.0) & (at >= 0.0) & (at <= 1.0)
        ever = torch.nn.functional.pad(crosses.long().cumsum(dim=1), (1, 0)) > 0
        return ever & self.known.unsqueeze(1)


def _line_of(scenario: Scenario) -> Float[np.ndarray, "2 2"] | None:
    """Across the recorded ego's drive, near its end; None where it hardly moves."""
    tracks = scenario.tracks
    driven = polyline.drop_repeats(
        tracks.position_m[EGO, tracks.valid[EGO], :2].astype(float), 0.05
    )
    way_m = polyline.arc_length_m(driven)[-1]
    if way_m < LEAST_WAY_M:
        return None
    before, at = polyline.at(driven, COMPLETION * way_m - np.array((0.5, 0.0)))
    ahead = (at - before) / np.linalg.norm(at - before)
    left = HALF_WIDTH_M * np.array((-ahead[1], ahead[0]))
    return np.stack((at + left, at - left))
