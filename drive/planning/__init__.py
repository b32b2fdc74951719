"""Planners, by name; `docs/planners.md` tells how to write one."""

from typing import TYPE_CHECKING

from sim.errors import InputError, one_of
from sim.registry import Registry, takes

if TYPE_CHECKING:
    from drive.planning.forecaster import Forecaster
    from sim.interface import Planner

REFINEMENTS = ("pdm",)  # --refine
PLANNERS = Registry(
    option="--planner",
    group="bevdrive.planners",
    methods=("plan(observation)",),
    builtin={
        "bc": "drive.planning.imitation.planner:ImitationPlanner",
        "behaviour": "drive.planning.behaviour.planner:BehaviourPlanner",
        "bold_cost": "drive.planning.interpretable.planner:BoldCostPlanner",
        "constant_velocity": "drive.planning.constant_velocity:ConstantVelocity",
        "costvolume": "drive.planning.cost_volume.planner:CostVolumePlanner",
        "costvolume_dp": "drive.planning.cost_volume.planner:CheapestPathPlanner",
        "hand_cost": "drive.planning.interpretable.planner:HandCostPlanner",
        "energy": "drive.planning.energy.planner:EnergyPlanner",
        "energy_autoregressive": "drive.planning.energy.sampling:AutoregressivePlanner",
        "energy_langevin": "drive.planning.energy.sampling:LangevinPlanner",
        "energy_optimiser": "drive.planning.energy.sampling:OptimiserPlanner",
        "idm": "drive.planning.idm:IdmPlanner",
        "log_replay": "drive.planning.log_replay:LogReplayPlanner",
        "p3": "drive.planning.interpretable.planner:InterpretablePlanner",
        "pdm": "drive.planning.pdm.planner:PdmClosed",
        "pdm_foresight": "drive.planning.pdm.foresight:PdmForesight",
        "pdm+": "drive.planning.pdm.planner:PdmPlus",
        "random_cost": "drive.planning.interpretable.planner:RandomCostPlanner",
        "random_plan": "drive.planning.random_plan:RandomPlanner",
        "social": "drive.planning.social.planner:SocialPlanner",
        "privileged_search": "drive.planning.privileged_search.planner:PrivilegedSearch",
    },
)


def make_planner(
    name: str,
    forecaster: "Forecaster | None" = None,
    refine: str | None = None,
    mode: str | None = None,
) -> "Planner":
    """A planner for one roll-out; raises InputError where that name stands for none.

    It reckons with `forecaster`, and in `mode`, if it takes these. `refine`: one of `REFINEMENTS`.
    """
    cls, told = PLANNERS.load(name), {"forecaster": forecaster, "mode": mode}
    given = {k: value for k, value in told.items() if value is not None and takes(cls, k)}
    planner = PLANNERS.make(name, **given)
    if refine is None:
        return planner
    from drive.planning.rated import RatedPlanner
    from drive.planning.refined import RefinedPlanner
    from sim.interface import needs_of

    one_of("--refine", refine, REFINEMENTS)
    if not isinstance(planner, RatedPlanner):
        raise InputError(f"--refine {refine}: {name} rates no candidates that could be refined")
    if needs_of(planner).lidar is not None:
        raise InputError(f"--refine {refine}: looks at tracks, and {name} sees lidar alone")
    return RefinedPlanner(planner, forecaster)


def takes_option(name: str, option: str) -> bool:
    """Whether the planner of that name is made with a parameter `option`; raises as `make_planner`."""
    return takes(PLANNERS.load(name), option)
