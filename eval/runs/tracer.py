"""`Tracer`: keeps what a planner shows beside its trajectory, in half precision."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from eval.rollout import half_seconds
from sim.dynamics.bicycle import Controls
from sim.interface import Agents, Plan, WhatIf


class Tracer:
    """Hand it to `rollout` as `watch`, then ask it for `shown`. All of it is in the ego frame."""

    def __init__(self) -> None:
        self._plans: list[dict[str, np.ndarray]] = []
        self._grid: np.ndarray | None = None
        self._terms: tuple[str, ...] = ()

    def __call__(self, plan: Plan | Controls) -> None:
        """Keep what one plan shows beside its trajectory; controls show nothing."""
        kept: dict[str, Tensor] = {}
        if isinstance(plan, Controls):
            self._plans.append({})
            return
        if plan.candidates is not None:
            index = half_seconds(plan.dt_s, plan.candidates.shape[2])
            kept["candidates"] = plan.candidates[:, :, index, :2].half()
        if plan.candidates is not None and plan.costs is not None:
            kept["costs"] = plan.costs.half()
        if plan.candidates is not None and plan.terms:
            kept["terms"] = torch.stack(list(plan.terms.values()), dim=2).half()
            self._terms = tuple(plan.terms)
        by_tracks = plan.perceived is not None  # then they are of nobody in the scenario
        if plan.forecast is not None and not by_tracks:
            index = half_seconds(plan.forecast.dt_s, plan.forecast.position_m.shape[3])
            kept["forecast"] = plan.forecast.position_m[:, :, :, index].half()
            kept["forecast_probability"] = plan.forecast.probability.half()
        if plan.occupancy is not None:
            horizon = plan.occupancy.probability.shape[1]
            index = half_seconds(plan.occupancy.dt_s, horizon).unique()  # nothing past the horizon
            levels = (plan.occupancy.probability[:, index] * 255.0).round().to(torch.uint8)
            kept["occupancy"] = levels
            self._grid = np.array(list(vars(plan.occupancy.grid).values()), dtype=np.float32)
        if plan.what_if is not None and not by_tracks:
            kept |= _what_if(plan.what_if)
        if plan.perceived is not None:
            kept |= _perceived(plan.perceived)
        self._plans.append({name: value.cpu().numpy() for name, value in kept.items()})

    def shown(self, world: int, length: int, num_agents: int) -> dict[str, Any]:
        """The fields of `DriveRecord` that a planner fills: `length` instants of world `world`.

        There is no plan at the last instant of an episode: it repeats the one before.
        """
        if not self._plans:
            return {}
        plans = [self._plans[min(k, len(self._plans) - 1)] for k in range(length)]
        shown = {name: np.stack([plan[name][world] for plan in plans]) for name in plans[0]}
        for name in ("forecast", "forecast_probability"):
            if name in shown:
                shown[name] = shown[name][:, : num_agents - 1]
        if "perceived" in shown:
            ever = (shown["perceived_id"] >= 0).any(axis=0)
            shown |= {name: shown[name][:, ever] for name in ("perceived", "perceived_id")}
        if self._grid is not None:
            shown["occupancy_grid"] = self._grid
        if self._terms:
            shown["term_names"] = np.array(self._terms)
        return shown


def _what_if(what_if: WhatIf) -> dict[str, Tensor]:
    """Ways and paths every half second, probabilities in percent."""
    index = half_seconds(what_if.dt_s, what_if.way_m.shape[2])
    percent = {name: getattr(what_if, name) * 100.0 for name in ("slower", "collision", "change")}
    return {
        "what_if_way": what_if.way_m[:, :, index].half(),
        "what_if_agent": what_if.agent.to(torch.int16),
        "what_if_path": what_if.path_m[:, :, :, index].half(),
        **{f"what_if_{k}": v.clamp(0.0, 100.0).round().to(torch.uint8) for k, v in percent.items()},
    }


def _perceived(agents: Agents) -> dict[str, Tensor]:
    """Boxes and numbers of those that are there."""
    box = torch.cat((agents.pose, agents.size_m), dim=-1)
    return {
        "perceived": torch.where(agents.valid.unsqueeze(-1), box, 0.0).half(),
        "perceived_id": torch.where(agents.valid, agents.id, -1).to(torch.int16),
    }
