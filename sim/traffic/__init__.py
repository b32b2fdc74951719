"""Who moves the others."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from sim.registry import Registry

if TYPE_CHECKING:
    from sim.world import World, WorldState


@runtime_checkable
class Traffic(Protocol):
    """Moves every agent but the ego by one step."""

    def act(self, world: "World", state: "WorldState") -> "WorldState":
        """The state one `dt_s` later; what it says of agent 0 is ignored."""
        ...


TRAFFIC = Registry(
    option="--traffic",
    group="bevdrive.traffic",
    methods=("act(world, state)",),
    builtin={"idm": "sim.traffic.idm:IdmTraffic", "log": "sim.traffic.log_replay:LogReplay"},
)


def make_traffic(name: str) -> Traffic:
    """The traffic of that name; raises InputError where it stands for none."""
    return TRAFFIC.load(name)()
