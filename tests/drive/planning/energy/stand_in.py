"""Straight ways at constant acceleration, a sampler that hardly anything is asked of; poor observations."""

from dataclasses import replace

import torch

from drive.planning.candidates import DT_S, POINTS, Candidates
from drive.planning.trajectories import trajectory_of
from sim import trees
from sim.interface import Agents, Observation
from tests.drive.scenes import toy_examples

ACCELERATIONS_MPS2 = (-3.0, -1.5, 0.0, 1.5)
OFFSETS_M = (-1.5, 0.0, 1.5)


class StraightSampler:
    """K = 12 a world."""

    def __call__(
        self, observation: Observation, generator: torch.Generator | None = None
    ) -> Candidates:
        time_s = DT_S * torch.arange(1, POINTS + 1)
        speed = observation.ego.speed_mps[:, None, None]
        rate = torch.tensor(ACCELERATIONS_MPS2)[:, None]
        until_s = torch.where(rate < 0, -speed / rate, torch.inf)
        driven_s = torch.minimum(time_s, until_s)
        x = speed * driven_s + 0.5 * rate * driven_s.square()
        share = 3.0 * (time_s / 5.0).square() - 2.0 * (time_s / 5.0).pow(3)
        y = torch.tensor(OFFSETS_M)[:, None] * share
        places = torch.stack(torch.broadcast_tensors(x[:, :, None], y[None, None]), dim=-1)
        trajectory = trajectory_of(places.flatten(1, 2), observation.ego)
        return Candidates(trajectory, torch.ones(trajectory.shape[:2], dtype=torch.bool))


def lacking(what: str) -> Observation:
    """Toy scenes with nobody, no rows for anybody, one other, or no lanes."""
    observation = toy_examples().observation
    agents, history, lanes = observation.agents, observation.history, observation.lanes
    assert history is not None and lanes is not None
    if what == "no lanes":
        lanes = replace(lanes, valid=torch.zeros_like(lanes.valid))
        route = replace(observation.route, length_m=torch.zeros(5))
        return replace(observation, lanes=lanes, route=route)
    if what == "no rows":
        few: Agents = trees.map_tensors(lambda t: t[:, :0], agents)
        return replace(
            observation, agents=few, history=trees.map_tensors(lambda t: t[:, :1], history)
        )
    left = 0 if what == "nobody" else 1
    valid, seen = agents.valid.clone(), history.valid.clone()
    valid[:, left:], seen[:, left + 1 :] = False, False
    return replace(
        observation, agents=replace(agents, valid=valid), history=replace(history, valid=seen)
    )
