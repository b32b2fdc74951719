"""`Tracer`: keeps what a planner shows beside its trajectory, for a record in half precision."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from eval.follow import HeldControls, HeldPlan, cells_of_then
from eval.rollout import half_seconds
from sim import trees
from sim.interface import Agents, Occupancy, Plan, WhatIf

_LEVELS = 255.0  # of an occupancy


class Tracer:
    """Hand it to `rollout` as `watch`, then ask it for `shown`. All of it is in the ego frame.

    A plan is kept once, as it was made; how it looks from where the ego is at each instant is worked out when
    it is asked for, a world at a time: kept for each instant it would take gigabytes.
    """

    def __init__(self) -> None:
        self._last: HeldPlan | HeldControls | None = None
        self._held: list[HeldPlan] = []
        self._levels: list[Tensor] = []  # of their occupancy
        self._terms: list[Tensor] = []
        self._names: list[str] = []  # of terms
        self._which: list[int] = []
        self._pose: list[Tensor] = []

    def __call__(self, held: HeldPlan | HeldControls, pose: Float[Tensor, "b 3"]) -> None:
        """Keep what a plan shows beside its trajectory, and where the ego is; controls show nothing."""
        if isinstance(held, HeldControls):
            return
        if held is not self._last:
            self._last = held
            self._held.append(trees.map_tensors(_own, replace(held, plan=_thinned(held.plan))))
            if held.plan.occupancy is not None:
                self._levels.append(_levels(held.plan.occupancy))
                self._grid = held.plan.occupancy.grid
            if held.plan.candidates is not None and held.plan.terms:
                terms = held.plan.terms
                self._names = list(terms)
                self._terms.append(torch.stack(list(terms.values()), dim=2).half().cpu())
        self._which.append(len(self._held) - 1)
        self._pose.append(pose.cpu())

    def shown(self, world: int, length: int, num_agents: int) -> dict[str, Any]:
        """The fields of `DriveRecord` that a planner fills: `length` instants of world `world`.

        There is no plan at the last instant of an episode: it repeats the one before.
        """
        if not self._held:
            return {}
        instant = [min(k, len(self._which) - 1) for k in range(length)]
        which = torch.tensor([self._which[k] for k in instant])
        pose = torch.stack([self._pose[k][world] for k in instant])
        held = _at_instants(self._held, world, which)
        plan = held.moved(pose)
        shown = {name: value.numpy() for name, value in _arrays(plan).items()}
        if self._levels:
            cell = cells_of_then(self._grid, held.now_SE2_then(pose))
            levels = torch.stack([each[world] for each in self._levels])
            shown["occupancy"] = _read(levels, which, cell).numpy()
            shown["occupancy_grid"] = np.array(list(vars(self._grid).values()), dtype=np.float32)
        for name in ("forecast", "forecast_probability"):
            if name in shown:
                shown[name] = shown[name][:, : num_agents - 1]
        if "perceived" in shown:
            ever = (shown["perceived_id"] >= 0).any(axis=0)
            shown |= {name: shown[name][:, ever] for name in ("perceived", "perceived_id")}
        if self._terms:
            shown["terms"] = torch.stack([each[world] for each in self._terms])[which].numpy()
            shown["term_names"] = np.array(self._names)
        return shown


def _own(values: Tensor) -> Tensor:
    """A copy on the CPU: a planner may write its next plan over this one."""
    return values.detach().cpu().clone(memory_format=torch.contiguous_format)


def _thinned(plan: Plan) -> Plan:
    """Without what no record holds, and without occupancy and terms, which are kept by themselves."""
    candidates, forecast = plan.candidates, plan.forecast
    what_if, perceived = plan.what_if, plan.perceived
    if candidates is not None:
        candidates = candidates[:, :, half_seconds(plan.dt_s, candidates.shape[2])]
    if perceived is not None:
        forecast = what_if = None  # of tracks, which are nobody of the scenario
    if forecast is not None:
        index = half_seconds(forecast.dt_s, forecast.position_m.shape[3])
        forecast = replace(forecast, position_m=forecast.position_m[:, :, :, index])
    if what_if is not None:
        index = half_seconds(what_if.dt_s, what_if.way_m.shape[2])
        way_m, path_m = what_if.way_m[:, :, index], what_if.path_m[:, :, :, index]
        what_if = replace(what_if, way_m=way_m, path_m=path_m)
    # The trajectory is in the record of the drive.
    return replace(
        plan,
        trajectory=plan.trajectory[:, :1],
        candidates=candidates,
        forecast=forecast,
        terms=None,
        occupancy=None,
        what_if=what_if,
    )


def _levels(occupancy: Occupancy) -> UInt8[Tensor, "b t x y"]:
    """Every half second, not past the horizon."""
    index = half_seconds(occupancy.dt_s, occupancy.probability.shape[1]).unique()
    return (occupancy.probability[:, index] * _LEVELS).round().to(torch.uint8).cpu()


def _read(
    levels: UInt8[Tensor, "p h x y"], which: Int[Tensor, " t"], cell: Int[Tensor, "t x y"]
) -> UInt8[Tensor, "t h x y"]:
    """What these cells of plan `which` hold; 0 where there is none."""
    rows = levels.flatten(2).transpose(1, 2).flatten(0, 1)
    nothing = rows.new_zeros(1, rows.shape[1])
    first = (which * cell[0].numel())[:, None, None]
    index = torch.where(cell >= 0, first + cell, len(rows))
    found = torch.cat((rows, nothing)).index_select(0, index.flatten())
    return found.unflatten(0, cell.shape).permute(0, 3, 1, 2).contiguous()


def _at_instants(held: Sequence[HeldPlan], world: int, which: Int[Tensor, " t"]) -> HeldPlan:
    """The plans of one world at T instants, as if they were of T worlds."""

    def at(parts: Sequence[Tensor]) -> Tensor:
        return torch.stack([part[world] for part in parts])[which]

    return trees.merged(at, held)


def _arrays(plan: Plan) -> dict[str, Tensor]:
    """As `DriveRecord` has them."""
    kept: dict[str, Tensor] = {}
    if plan.candidates is not None:
        kept["candidates"] = plan.candidates[..., :2].half()
    if plan.candidates is not None and plan.costs is not None:
        kept["costs"] = plan.costs.half()
    if plan.forecast is not None:
        kept["forecast"] = plan.forecast.position_m.half()
        kept["forecast_probability"] = plan.forecast.probability.half()
    if plan.what_if is not None:
        kept |= _what_if(plan.what_if)
    if plan.perceived is not None:
        kept |= _perceived(plan.perceived)
    return kept


def _what_if(what_if: WhatIf) -> dict[str, Tensor]:
    """Ways and paths, probabilities in percent."""
    percent = {name: getattr(what_if, name) * 100.0 for name in ("slower", "collision", "change")}
    return {
        "what_if_way": what_if.way_m.half(),
        "what_if_agent": what_if.agent.to(torch.int16),
        "what_if_path": what_if.path_m.half(),
        **{f"what_if_{k}": v.clamp(0.0, 100.0).round().to(torch.uint8) for k, v in percent.items()},
    }


def _perceived(agents: Agents) -> dict[str, Tensor]:
    """Boxes and numbers of those that are there."""
    box = torch.cat((agents.pose, agents.size_m), dim=-1)
    return {
        "perceived": torch.where(agents.valid.unsqueeze(-1), box, 0.0).half(),
        "perceived_id": torch.where(agents.valid, agents.id, -1).to(torch.int16),
    }
