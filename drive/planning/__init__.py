"""Planners, by name; `docs/planners.md` tells how to write one."""

from typing import TYPE_CHECKING

from sim.registry import Registry

if TYPE_CHECKING:
    from sim.interface import Planner

PLANNERS = Registry(
    option="--planner",
    group="bevdrive.planners",
    methods=("plan(observation)",),
    builtin={
        "constant_velocity": "drive.planning.constant_velocity:ConstantVelocity",
        "idm": "drive.planning.idm:IdmPlanner",
        "log_replay": "drive.planning.log_replay:LogReplayPlanner",
        "pdm": "drive.planning.pdm.planner:PdmClosed",
        "pdm_foresight": "drive.planning.pdm.foresight:PdmForesight",
        "pdm+": "drive.planning.pdm.planner:PdmPlus",
        "privileged_search": "drive.planning.privileged_search.planner:PrivilegedSearch",
    },
)


def make_planner(name: str) -> "Planner":
    """A planner for one roll-out; raises InputError where that name stands for none."""
    return PLANNERS.make(name)
