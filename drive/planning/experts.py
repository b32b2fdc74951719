"""What the ego was driven like in an example: the demonstration that learned costs and policies imitate."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.features.example import Example, Future
from drive.planning.candidates import DT_S, POINTS
from drive.planning.futures import Futures
from sim.geometry import se2
from sim.scenario import EGO

_STANDS_M = 0.05  # a step shorter than this says nothing of a curvature


def demonstration(example: Example) -> tuple[Float[Tensor, "b t 5"], Bool[Tensor, " b"]]:
    """The ego's recorded future as a plan has it, and whether it is recorded to its end."""
    future = example.future
    there = future.valid[:, EGO, :POINTS].all(dim=1)
    pose = torch.where(there[:, None, None], future.pose[:, EGO, :POINTS], 0.0)
    return with_motion(pose), there


def with_motion(pose: Float[Tensor, "b t 3"]) -> Float[Tensor, "b t 5"]:
    """Poses every `DT_S` with speed and curvature: means of the steps before and after each."""
    start = torch.zeros_like(pose[:, :1])
    step = torch.diff(pose, dim=1, prepend=start)
    step_m = step[..., :2].norm(dim=-1)
    turn = se2.wrap_angle(step[..., 2])
    bend = torch.where(step_m > _STANDS_M, turn / step_m.clamp(min=_STANDS_M), 0.0)

    def mean(values: Tensor) -> Tensor:
        return 0.5 * (values + torch.cat((values[:, 1:], values[:, -1:]), dim=1))

    return torch.cat((pose, torch.stack((mean(step_m) / DT_S, mean(bend)), dim=-1)), dim=-1)


def recorded_futures(future: Future) -> Futures:
    """Where the others then were, at the instants of a candidate."""
    pose = future.pose[:, EGO + 1 :, :POINTS]
    valid = future.valid[:, EGO + 1 :, :POINTS]
    pose = torch.where(valid.unsqueeze(-1), pose, 0.0)
    velocity = torch.diff(pose[..., :2], dim=2, append=pose[:, :, -1:, :2]) / DT_S
    return Futures(pose, velocity, valid)
