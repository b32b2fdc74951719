"""Who moves the others."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from sim.registry import Registry

if TYPE_CHECKING:
    from sim.world import World, WorldState


@runtime_checkable
class Traffic(Protocol):
    """Moves every agent but the ego by one step, in the worlds that it was made for.

    What it prepares for them it keeps in fields of a dataclass, one row a world (`sim.trees`), so
    that it moves to a device, and is cut, together with them.
    """

    def act(self, world: "World", state: "WorldState") -> "WorldState":
        """The state one `dt_s` later; what it says of agent 0 is ignored."""
        ...


TRAFFIC = Registry(
    option="--traffic",
    group="bevdrive.traffic",
    methods=("act(world, state)",),
    builtin={
        "idm": "sim.traffic.idm:IdmTraffic",
        "uniform": "sim.traffic.idm:UniformTraffic",
        "hostile": "sim.traffic.idm:HostileTraffic",
        "log": "sim.traffic.log_replay:LogReplay",
    },
    maker="of",
)


def make_traffic(name: str, world: "World") -> Traffic:
    """The traffic of that name for these worlds; `InputError` where it stands for none."""
    return TRAFFIC.make(name, world)
