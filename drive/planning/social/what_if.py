"""What the others are expected to do if the ego goes, if it waits, and if it does what it plans."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from drive.planning.social.reasoning import Reasoning
from sim.interface import WhatIf


def what_if(
    reasoning: Reasoning, mode: str, allowed: Bool[Tensor, "b k"], plan: Int[Tensor, " b"]
) -> WhatIf:
    """Of the `allowed` candidates that with most way, that with least, and `plan`."""
    scene, samples = reasoning.scene, reasoning.scene.samples
    candidates = scene.candidates
    driven_m = candidates.dt_s * candidates.trajectory[..., 3].sum(dim=2)
    goes = torch.where(allowed, driven_m, -torch.inf).argmax(dim=1)
    waits = torch.where(allowed, driven_m, torch.inf).argmin(dim=1)
    ways = (goes, waits, plan)
    alone = reasoning.log_others("nonsocial").exp()
    given = torch.stack([reasoning.log_given(mode, way).exp() for way in ways], dim=1)
    hit = torch.stack([reasoning.collisions_given(mode, way) for way in ways], dim=1)
    slows = (samples.change_mps2 < 0.0).to(alone.dtype)
    each = torch.cat((alone.unsqueeze(1), given), dim=1)
    index = torch.stack(ways, dim=1)
    row = torch.arange(len(index), device=index.device)[:, None]
    number = torch.arange(alone.shape[1], device=index.device)
    likeliest = given.argmax(dim=3)
    return WhatIf(
        way_m=candidates.trajectory[row, index][..., :2],
        agent=torch.where(samples.there, samples.agent, -1),
        path_m=samples.pose[row.unsqueeze(2), number, likeliest][..., :2],
        slower=(each * slows.unsqueeze(1)).sum(dim=3),
        collision=hit,
        change=0.5 * (given - alone.unsqueeze(1)).abs().sum(dim=3),
        dt_s=candidates.dt_s,
    )
