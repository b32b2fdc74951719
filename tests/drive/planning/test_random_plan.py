"""A planner that follows chance alone: as the generator says, and whatever the others do."""

from dataclasses import replace

import torch

from drive.planning import make_planner
from drive.planning.samplers.frenet import FrenetSampler
from sim.interface import Observation, Plan
from sim.simulator import Simulator
from sim.sources.procedural import generate


def _seen(worlds: int) -> Observation:
    """The same world, so many times."""
    planner = make_planner("random_plan")
    scenario = generate(["curve"], 1, duration_s=2.0)[0]
    simulator = Simulator.from_scenarios([scenario] * worlds, "idm", planner.needs)  # type: ignore[attr-defined]
    return simulator.observe(simulator.reset())


def _plan(observation: Observation, seed: int) -> torch.Tensor:
    planner = make_planner("random_plan")
    worlds = len(observation.step)
    planner.reset(worlds, torch.device("cpu"), torch.Generator().manual_seed(seed))  # type: ignore[attr-defined]
    plan = planner.plan(observation)
    assert isinstance(plan, Plan)
    return plan.trajectory


def test_chance_alone_decides_among_what_can_be_driven() -> None:
    observation = _seen(64)
    plan = _plan(observation, 1)
    assert torch.equal(plan, _plan(observation, 1))
    assert not torch.equal(plan, _plan(observation, 2))
    candidates = FrenetSampler()(observation)
    for world in range(64):
        mine = candidates.trajectory[world][candidates.valid[world]]
        assert (mine == plan[world]).all(dim=(1, 2)).any()
    # 64 draws of some hundred candidates: nearly all differ.
    assert len(torch.unique(plan.flatten(1), dim=0)) > 40


def test_the_others_change_nothing() -> None:
    observation = _seen(8)
    agents = observation.agents
    moved = replace(agents, pose=agents.pose + torch.tensor((5.0, 1.0, 0.3)))
    assert torch.equal(_plan(observation, 3), _plan(replace(observation, agents=moved), 3))
