"""Planners, by name."""

from collections.abc import Callable

from sim.interface import Planner
from sim.world import World


def _constant_velocity(world: World) -> Planner:
    from drive.planning.constant_velocity import ConstantVelocity

    return ConstantVelocity()


def _log_replay(world: World) -> Planner:
    from drive.planning.log_replay import LogReplayPlanner

    return LogReplayPlanner(world)


def _idm(world: World) -> Planner:
    from drive.planning.idm import IdmPlanner

    return IdmPlanner()


def _pdm(world: World) -> Planner:
    from drive.planning.pdm.planner import PdmClosed

    return PdmClosed()


PLANNERS: dict[str, Callable[[World], Planner]] = {
    "constant_velocity": _constant_velocity,
    "idm": _idm,
    "log_replay": _log_replay,
    "pdm": _pdm,
}
EXACT_TRACKING = frozenset({"log_replay"})  # the recording itself, not a car that follows it


def make_planner(name: str, world: World) -> Planner:
    """The planner of that name; raises ValueError with the choices for any other."""
    if name not in PLANNERS:
        raise ValueError(f"unknown planner {name!r}; choices: {', '.join(sorted(PLANNERS))}")
    return PLANNERS[name](world)
