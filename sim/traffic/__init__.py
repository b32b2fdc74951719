"""Who moves the others."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from sim.errors import one_of
from sim.world import World, WorldState


@runtime_checkable
class Traffic(Protocol):
    """Moves every agent but the ego by one step, in the worlds that it was made for.

    What it prepares for them it keeps in fields of a dataclass, one row a world (`sim.trees`), so
    that it moves to a device, and is cut, together with them.
    """

    def act(self, world: World, state: WorldState) -> WorldState:
        """The state one `dt_s` later; what it says of agent 0 is ignored."""
        ...


def _log(world: World) -> Traffic:
    from sim.traffic.log_replay import LogReplay

    return LogReplay.of(world)


def _idm(world: World) -> Traffic:
    from sim.traffic.idm import IdmTraffic

    return IdmTraffic.of(world)


TRAFFIC: dict[str, Callable[[World], Traffic]] = {"log": _log, "idm": _idm}


def make_traffic(name: str, world: World) -> Traffic:
    """The traffic of that name for these worlds; `InputError` with the choices for any other."""
    one_of("traffic", name, tuple(TRAFFIC))
    return TRAFFIC[name](world)
