"""Planners, by name."""

from collections.abc import Callable

from sim.interface import Planner


def _constant_velocity() -> Planner:
    from drive.planning.constant_velocity import ConstantVelocity

    return ConstantVelocity()


def _log_replay() -> Planner:
    from drive.planning.log_replay import LogReplayPlanner

    return LogReplayPlanner()


def _idm() -> Planner:
    from drive.planning.idm import IdmPlanner

    return IdmPlanner()


def _pdm() -> Planner:
    from drive.planning.pdm.planner import PdmClosed

    return PdmClosed()


PLANNERS: dict[str, Callable[[], Planner]] = {
    "constant_velocity": _constant_velocity,
    "idm": _idm,
    "log_replay": _log_replay,
    "pdm": _pdm,
}


def make_planner(name: str) -> Planner:
    """The planner of that name; raises ValueError with the choices for any other."""
    if name not in PLANNERS:
        raise ValueError(f"unknown planner {name!r}; choices: {', '.join(sorted(PLANNERS))}")
    return PLANNERS[name]()
