"""What a planner would think at the instants of a scene, for the viewer."""

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from sim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from drive.pipelines.simulate_config import SimulateConfig
    from drive.planning.rated import Rated, RatedPlanner
    from eval.runs.drive_record import DriveRecord
    from eval.view.thought import CellCosts, Thought
    from sim.interface import Observation, Perception, Plan
    from sim.scenario import Scenario

_REMEMBERED = 64  # instants


class PlannerThoughts:
    """A `ThoughtSource`: asks the planner when an instant is looked at, and remembers the last ones."""

    def __init__(
        self,
        planner: "RatedPlanner",
        scenario: "Scenario",
        drive: "DriveRecord | None" = None,
        perception: "Perception | None" = None,
    ) -> None:
        """At the instants of a drive, or of the recording; `perception`: as of a roll-out.

        Raises InputError where the scenario has no lanes to plan along, and where the drive is none of it.
        """
        from dataclasses import replace

        import torch

        from eval.runs.drive_instants import DriveInstants
        from eval.runs.drive_record import DriveRecord
        from sim.interface import needs_of

        if not scenario.map.lanes:
            raise InputError(
                f"{scenario.scenario_id}: no lanes in its map: no planner can plan there"
            )
        needs = needs_of(cast(Any, planner))
        needs = needs if perception is None else replace(needs, perception=perception)
        self._planner = planner
        self._instants = DriveInstants(scenario, drive, needs)
        self._pose = (drive or DriveRecord.recorded(scenario)).pose
        reset = getattr(planner, "reset", None)
        if reset is not None:
            reset(1, torch.device("cpu"), torch.Generator().manual_seed(0))
        self.at = lru_cache(_REMEMBERED)(self._at)

    def _at(self, instant: int) -> "Thought":
        import torch

        with torch.no_grad():
            observation = self._instants.observe(instant)
            return thought_of(self._planner.rated(observation), observation, self._pose[instant])


def rating_planner(
    name: str, held: "Sequence[str]" = (), config: "SimulateConfig | None" = None
) -> "RatedPlanner":
    """The planner of that name, which rates candidates.

    `config`: of a run, whose forecast it is to reckon with, and which has drives of `held`. Raises InputError
    where nobody has that name, where it rates none, and where its weights are missing.
    """
    from drive.planning import PLANNERS, make_planner
    from drive.planning.forecaster import make_forecaster
    from drive.planning.rated import RatedPlanner

    def rates(one: str) -> bool:
        return issubclass(PLANNERS.load(one), RatedPlanner)

    if not rates(name):
        shown = dict.fromkeys((*held, *filter(rates, PLANNERS.builtin)))
        told = f"--planner {name}: rates no candidates that could be shown"
        raise InputError(f"{told} (choices: {', '.join(shown)})")
    forecaster = None
    if config is not None and config.forecast is not None:
        forecaster = make_forecaster(config.forecast, config.weights)
    planner = cast("RatedPlanner", make_planner(name, forecaster))
    planner.best = sys.maxsize  # the best of another way may be a dear one
    return planner


def thought_of(rated: "Rated", observation: "Observation", pose: "np.ndarray") -> "Thought":
    """The first world's, as the viewer shows it; `pose`: of everyone, world frame, `[N, 3]`."""
    import numpy as np
    import torch

    from drive.planning.least_cost import SHOWN
    from eval.view.thought import Thought, other_way
    from eval.view.what_if import WhatIfShown
    from sim.geometry import se2

    plan, valid = rated.plan(observation), rated.candidates.valid[0]
    cost = torch.where(valid, rated.cost[0], torch.inf).numpy()
    paths = rated.candidates.trajectory[0, ..., :2].numpy()
    order = cost.argsort(kind="stable")[: int(valid.sum())]
    kept = order[:SHOWN].tolist()
    other = other_way(paths, order) if kept else None
    if other is not None and other not in kept:
        kept.append(other)
    world_SE2_ego = torch.from_numpy(pose[:1].astype(np.float32))
    return Thought(
        pose=pose,
        plan=se2.compose(world_SE2_ego, plan.trajectory[0, :, :3]).numpy(),
        candidates=paths[kept],
        costs=cost[kept],
        terms={name: each[0].numpy()[kept] for name, each in (rated.terms or {}).items()},
        other=None if other is None else kept.index(other),
        **_expected(plan, len(pose) - 1),
        cell_costs=_cell_costs(rated),
        what_if=rated.what_if and WhatIfShown.of(rated.what_if),
    )


def _expected(plan: "Plan", others: int) -> dict[str, Any]:
    """Forecast and occupancy, as fields of a `Thought`."""
    shown: dict[str, Any] = {}
    if plan.forecast is not None:
        shown["forecast"] = plan.forecast.position_m[0, :others].numpy()
        shown["forecast_probability"] = plan.forecast.probability[0, :others].numpy()
    if plan.occupancy is not None:
        shown["occupancy"] = plan.occupancy.probability[0].numpy()
        shown["occupancy_grid"] = plan.occupancy.grid
    return shown


def _cell_costs(rated: "Rated") -> "CellCosts | None":
    from eval.view.thought import CellCosts

    volume = rated.volume
    return volume and CellCosts(volume.cost[0].numpy(), volume.grid, volume.dt_s)
