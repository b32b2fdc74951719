"""What the ego was driven like in an example: the demonstration that learned costs and policies imitate."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.features.example import Example, Future
from drive.planning.candidates import DT_S, POINTS
from drive.planning.futures import Futures
from drive.planning.trajectories import trajectory_of
from sim.scenario import EGO


def demonstration(example: Example) -> tuple[Float[Tensor, "b t 5"], Bool[Tensor, " b"]]:
    """The ego's recorded future as a plan has it, and whether it is recorded to its end."""
    future = example.future
    there = future.valid[:, EGO, :POINTS].all(dim=1)
    position_m = torch.where(there[:, None, None], future.pose[:, EGO, :POINTS, :2], 0.0)
    return trajectory_of(position_m, example.observation.ego), there


def recorded_futures(future: Future) -> Futures:
    """Where the others then were, at the instants of a candidate."""
    pose = future.pose[:, EGO + 1 :, :POINTS]
    valid = future.valid[:, EGO + 1 :, :POINTS]
    pose = torch.where(valid.unsqueeze(-1), pose, 0.0)
    velocity = torch.diff(pose[..., :2], dim=2, append=pose[:, :, -1:, :2]) / DT_S
    return Futures(pose, velocity, valid)
