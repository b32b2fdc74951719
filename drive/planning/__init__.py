"""Planners, by name; `docs/planners.md` tells how to write one."""

from typing import TYPE_CHECKING

from sim.registry import Registry

if TYPE_CHECKING:
    from sim.interface import Planner
    from sim.world import World

LOG_REPLAY = "log_replay"
PLANNERS = Registry(
    option="--planner",
    group="bevdrive.planners",
    methods=("plan(observation)",),
    builtin={
        "constant_velocity": "drive.planning.constant_velocity:ConstantVelocity",
        "idm": "drive.planning.idm:IdmPlanner",
        LOG_REPLAY: "drive.planning.log_replay:LogReplayPlanner",
        "pdm": "drive.planning.pdm.planner:PdmClosed",
    },
)
EXACT_TRACKING = frozenset({LOG_REPLAY})  # the recording itself, not a car that follows it


def make_planner(name: str, world: "World") -> "Planner":
    """A planner for one roll-out of `world`; raises InputError where that name stands for none."""
    cls = PLANNERS.load(name)
    return cls(world) if name == LOG_REPLAY else cls()
