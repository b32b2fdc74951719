"""Who moves the others."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from sim.world import World, WorldState


@runtime_checkable
class Traffic(Protocol):
    """Moves every agent but the ego by one step."""

    def act(self, world: "World", state: "WorldState") -> "WorldState":
        """The state one `dt_s` later; what it says of agent 0 is ignored."""
        ...


def _log() -> Traffic:
    from sim.traffic.log_replay import LogReplay

    return LogReplay()


def _idm() -> Traffic:
    from sim.traffic.idm import IdmTraffic

    return IdmTraffic()


TRAFFIC: dict[str, Callable[[], Traffic]] = {"log": _log, "idm": _idm}


def make_traffic(name: str) -> Traffic:
    """The traffic of that name; raises ValueError with the choices for any other."""
    if name not in TRAFFIC:
        raise ValueError(f"unknown traffic {name!r}; choices: {', '.join(sorted(TRAFFIC))}")
    return TRAFFIC[name]()
