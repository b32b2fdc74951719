"""Hand-built scenarios driven by the reactive traffic, and whether anybody touches in them."""

import torch

from sim.geometry import box
from sim.scenario import Scenario
from sim.sources.procedural.record import drive
from sim.traffic.idm import IdmTraffic
from sim.world import World, WorldState


def drive_all(*scenarios: Scenario) -> tuple[World, list[WorldState]]:
    """Every instant of all of them, beside one another; the traffic drives the egos too."""
    world = World.from_scenarios(list(scenarios), maps=False)
    return world, drive(world, IdmTraffic.of(world, drives_ego=True))


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
