"""Hand-built scenarios driven by the reactive traffic, and whether anybody touches in them."""

from collections.abc import Sequence

import torch

from sim import trees
from sim.geometry import box
from sim.scenario import Scenario
from sim.sources.procedural.record import drive
from sim.traffic.idm import IdmTraffic
from sim.world import World, WorldState


def drive_all(*scenarios: Scenario) -> tuple[World, list[WorldState]]:
    """Every instant of all of them, beside one another; the traffic drives the egos too."""
    world = World.from_scenarios(list(scenarios), maps=False)
    return world, drive(world, IdmTraffic.of(world, drives_ego=True))


def drive_groups(
    groups: dict[str, Sequence[Scenario]], drives_ego: bool
) -> dict[str, tuple[World, list[WorldState]]]:
    """Every instant of each group of scenarios, up to the longest of the group.

    All are driven beside one another, which changes nothing for anybody: a step takes about as long
    for twenty small worlds as for one.
    """
    scenarios = [scenario for group in groups.values() for scenario in group]
    world = World.from_scenarios(scenarios, maps=False)
    states = drive(world, IdmTraffic.of(world, drives_ego=drives_ego))
    driven, first = {}, 0
    for name, group in groups.items():
        rows = torch.arange(first, first + len(group))
        instants = max(scenario.num_instants for scenario in group)
        own = [trees.take(state, rows) for state in states[:instants]]
        driven[name] = world.take(rows), own
        first += len(group)
    return driven


def collides(world: World, states: list[WorldState]) -> bool:
    """Whether two boxes ever overlap."""
    size = world.size_m[..., :2]
    for state in states:
        depth = box.penetration_m(
            state.pose[:, :, None], size[:, :, None], state.pose[:, None], size[:, None]
        )
        both = state.valid[:, :, None] & state.valid[:, None]
        both &= ~torch.eye(both.shape[1], dtype=torch.bool)
        if bool(((depth > 0) & both).any()):
            return True
    return False
