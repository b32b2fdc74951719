"""Proposes straight ways at constant acceleration: a sampler that hardly anything is asked of."""

import torch

from drive.planning.candidates import DT_S, POINTS, Candidates
from drive.planning.trajectories import trajectory_of
from sim.interface import Observation

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
